"""What a terminal shows: printable, and out, or the command fails."""
