"""What holds for every page: looks, motion, measures, the shell."""
