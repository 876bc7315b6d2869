"""What came back by e-mail, for its author: what waits for their word, and the whole mail behind a message."""
