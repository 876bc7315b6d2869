"""Where letters go: SMTP, or a Maildir."""
