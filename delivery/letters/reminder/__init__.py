"""The reminder that goes by itself: it says so, asks for nothing, and says how to have none."""
