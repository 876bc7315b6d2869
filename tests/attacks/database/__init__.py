"""Attacks by somebody who can write to the database."""
