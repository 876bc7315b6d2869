"""Tests of `storage/accounts`."""
