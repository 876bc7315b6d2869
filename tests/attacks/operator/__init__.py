"""Attacks on the terminal, the control socket, the officer and the log."""
