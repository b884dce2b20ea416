"""Money: what is asked, what arrives, what goes back, and what happens when nobody answers."""
