"""The sandbox: private services and the supervisor that keeps the shop running on a laptop."""
