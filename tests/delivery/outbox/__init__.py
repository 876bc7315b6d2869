"""Tests of `delivery/outbox`."""
