"""The doors of the order life, one file per audience."""
