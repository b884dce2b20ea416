"""What the shop survives: killed processes, flushed brokers, poison."""
