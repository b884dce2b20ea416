"""A stateful server that stands in for Stripe on a laptop and in tests: what docs.stripe.com says, nothing more.

Never in production: the shop refuses STRIPE_API_BASE there, and the server listens on loopback only.
"""
