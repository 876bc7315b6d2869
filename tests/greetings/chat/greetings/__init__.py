"""A staff member's greeting to whoever comes."""
