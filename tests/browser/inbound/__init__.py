"""The browser tests of what comes back by e-mail."""
