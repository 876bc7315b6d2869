"""Tests of `storage/programmes`."""
