"""A programme that is new, told to those who chose to hear of new ones."""
