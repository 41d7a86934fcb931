"""A model on disk: what its files are called, what is checked, how it is read and written."""
