"""Faults against a running service, and a checker of what its people sent, saw acknowledged, and received."""
