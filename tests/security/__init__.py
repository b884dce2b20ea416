"""Tests of the walls: who may enter, what is forged, what is said in which header."""
