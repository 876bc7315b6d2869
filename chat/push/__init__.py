"""Being told by push: the browsers that one chooses for it."""
