"""Tests of `delivery/jobs`."""
