"""Programmes: their versions and lessons, who follows them, and when the next lesson is due."""
