"""A corpus in, a trained model folder out."""
