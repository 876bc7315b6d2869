"""Web push: the browsers that chose it, the push services that may be asked, and what they are still to be told."""
