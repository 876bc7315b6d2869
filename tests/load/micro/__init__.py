"""Single parts measured alone."""
