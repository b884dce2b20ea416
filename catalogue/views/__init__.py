"""The doors of the catalogue, one file per audience."""
