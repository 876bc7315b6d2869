"""Letters on their way: claimed, attempted, recorded, and tried again later."""
