"""What an operator runs and watches: commands, the control socket, metrics, health, the officer's sheet."""
