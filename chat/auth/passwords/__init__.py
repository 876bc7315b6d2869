"""Passwords are costly to try: for us in memory and time, for whoever guesses in attempts."""
