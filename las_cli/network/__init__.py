"""Waveforms and letters in, logits out. Knows nothing of files, corpora or the command line."""
