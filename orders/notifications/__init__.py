"""Telling people: what each notice says, to whom, and whether they have acknowledged it."""
