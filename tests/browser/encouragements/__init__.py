"""The browser tests of encouragements."""
