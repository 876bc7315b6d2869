"""The job of the feature."""
