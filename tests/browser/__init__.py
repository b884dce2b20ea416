"""Journeys through the shop in a real browser."""
