"""Stock truth: lots, levels, the ledger of movements, and what may still be promised."""
