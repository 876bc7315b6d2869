"""Password checks: costly for us in memory and time, and limited in attempts for whoever guesses."""
