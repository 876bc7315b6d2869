"""Authentication and access: who makes a request, from where, how often, and what they may see."""
