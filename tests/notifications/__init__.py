"""What cooperatives and counters are told."""
