"""What the shelves, the search, the seeds and the counters promise."""
