"""What a counter does for an order: accept, pick, make ready, send on, hand over, or reject."""
