"""The same traffic through other servers, in the same run."""
