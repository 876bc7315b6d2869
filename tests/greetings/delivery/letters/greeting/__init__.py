"""The letter that confirms a new greeting."""
