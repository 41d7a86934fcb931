"""A corpus split and a model in; its transcripts, error rates and the best options out."""
