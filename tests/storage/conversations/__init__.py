"""Tests of `storage/conversations`."""
