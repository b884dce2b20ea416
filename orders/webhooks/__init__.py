"""What a cooperative's or an organisation's own machines are told, as Standard Webhooks."""
