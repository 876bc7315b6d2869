"""Programmes: imported from a directory, followed by members, their lessons read on a page."""
