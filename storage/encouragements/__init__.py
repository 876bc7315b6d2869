"""What may encourage a member: the rules, the facts that they look at, when, and what came of it."""
