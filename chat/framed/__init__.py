"""Pages that the server makes for one reader, lists and forms, all in one frame: complete without a script."""
