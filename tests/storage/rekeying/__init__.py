"""Tests of `storage/rekeying`."""
