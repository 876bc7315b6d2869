"""Canned replies and the overview over HTTP."""
