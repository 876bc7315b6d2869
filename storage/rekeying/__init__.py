"""How keys change: rotation of the root key, renewal of an account's key, recovery by the officer."""
