"""How money comes in and goes back; every fen that moved is one insert-only row."""
