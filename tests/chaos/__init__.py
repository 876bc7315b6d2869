"""Faults against a running service, and a checker of what its people sent, received, and saw acknowledged."""
