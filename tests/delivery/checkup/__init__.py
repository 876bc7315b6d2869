"""Tests of what `ailo mail check` finds out."""
