"""Plain words in, their written form out: punctuation, capitals and numbers."""
