"""The letter that tells of a reply: it says that there is something to read, and nothing of it."""
