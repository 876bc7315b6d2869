"""From facts to an e-mail; one folder per kind of letter."""
