"""The pages of programmes: of those who follow one, and of those who look after them."""
