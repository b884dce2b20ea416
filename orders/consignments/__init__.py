"""The green channel: goods proposed to a cooperative, sent off, and received at a counter."""
