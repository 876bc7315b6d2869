"""Tests of `storage/crypto`."""
