"""The letter that says how many conversations wait: once a day for who chose so, or several replies joined into one."""
