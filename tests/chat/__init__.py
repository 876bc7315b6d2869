"""Tests of the live side, module by module."""
