"""A job of the feature."""
