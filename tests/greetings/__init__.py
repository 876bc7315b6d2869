"""A feature from outside Ailo, added by this folder alone: routes, a table, a page, a letter, a job, a command, a setting."""
