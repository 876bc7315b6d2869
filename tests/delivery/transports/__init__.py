"""Tests of `delivery/transports`."""
