"""A feature that is not Ailo's, added by this folder alone: routes, a table, a page, a letter, a job, a command, a setting."""
