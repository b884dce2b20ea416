"""The demonstration, whole: goods and places of the catalogue, and the green channel at work."""
