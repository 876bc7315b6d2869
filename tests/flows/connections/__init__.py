"""How connections begin, behave under overload, and resume."""
