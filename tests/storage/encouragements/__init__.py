"""Tests of `storage/encouragements`."""
