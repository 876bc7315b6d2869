"""Tests of programmes, through a whole service and its commands."""
