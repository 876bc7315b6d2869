"""How keys change: rotation of the root key, renewal of an account's, recovery by the officer."""
