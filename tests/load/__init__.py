"""Benchmarks and load: `./dev bench`."""
