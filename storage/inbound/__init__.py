"""What comes back by e-mail, as rows: reply addresses, mails in quarantine, and the whole mails behind messages."""
