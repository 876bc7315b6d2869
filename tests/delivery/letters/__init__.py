"""Tests of `delivery/letters`."""
