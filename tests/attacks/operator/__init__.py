"""The terminal, the control socket, the officer and the log under attack."""
