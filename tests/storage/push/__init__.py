"""Tests of `storage/mail`."""
