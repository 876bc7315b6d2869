"""What applies to every page: looks, motion, measurements, the shell."""
