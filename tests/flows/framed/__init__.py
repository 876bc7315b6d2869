"""Tests of the frame of lists and forms, through a service."""
