"""Somebody writes the database."""
