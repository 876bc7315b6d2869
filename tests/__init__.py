"""Every test of Ailo; `./dev test` runs them all."""
