"""Tests of `storage/inbound`."""
