"""A model and a user's recordings or texts in, the model adapted to them out."""
