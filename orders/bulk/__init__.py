"""Supermarkets' orders: by the case, on account, from the cooperatives' own stores."""
