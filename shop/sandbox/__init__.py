"""Everything that lets a laptop with no services run the real thing: private PostgreSQL, Redis and mail."""
