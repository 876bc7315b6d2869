"""What `ailo mail check` finds out about the way of letters and the way back, step by step."""
