"""The restore drill: what a backup is worth is known only after a restore."""
