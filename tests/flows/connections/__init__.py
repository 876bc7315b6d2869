"""How connections begin, last, are overloaded and come back."""
