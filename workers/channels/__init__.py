"""The ways notices leave the shop."""
