"""Flows of encouragements."""
