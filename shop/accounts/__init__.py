"""Users, roles, organisations' members, API tokens, sessions, and the policy of who may do what."""
