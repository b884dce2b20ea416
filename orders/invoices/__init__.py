"""Invoices of organisations on account: billed, mirrored at the provider, paid by bank transfer, reminded of."""
