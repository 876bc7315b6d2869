"""The letter that carries a lesson: its text, which is the same for everybody, and no word of anybody's own."""
