"""Tests of `storage/staff`."""
