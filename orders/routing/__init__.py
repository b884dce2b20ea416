"""Which counters do which part of an order, from which lots, and why. Everything that decides here is pure."""
