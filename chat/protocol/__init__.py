"""What is said over the wire and who hears it: frames, refusals, the hub."""
