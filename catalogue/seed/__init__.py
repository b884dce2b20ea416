"""The first goods, cooperatives and counters, from public facts; and large catalogues to measure with."""
