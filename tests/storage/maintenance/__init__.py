"""Tests of `storage/maintenance`."""
