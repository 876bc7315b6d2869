"""Everything that leaves by e-mail, and what comes back: the outbox, its letters, how they are sent and answered."""
