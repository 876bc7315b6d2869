"""Tests of `delivery/inbound`."""
