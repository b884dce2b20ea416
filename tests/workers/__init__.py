"""Jobs, the relay, the clock and the mails."""
