"""The demonstration, whole: goods and places of the catalogue, the green channel at work, and orders of today."""
