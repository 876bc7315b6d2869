"""Browser tests of the frame of lists and forms."""
