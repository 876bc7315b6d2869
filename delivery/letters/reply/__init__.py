"""The letter that announces a reply: it says that there is something to read, and reveals none of it."""
