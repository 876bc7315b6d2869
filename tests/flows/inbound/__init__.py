"""Answers by e-mail, through a whole service."""
