"""Everything that leaves by e-mail: the outbox, its letters and how they are sent."""
