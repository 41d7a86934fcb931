"""What the files of a model folder are called. A room of its own: half the others ask."""

from __future__ import annotations

CONFIG, ALPHABET, WEIGHTS = "config.json", "alphabet.json", "model.safetensors"
LM_CONFIG, LM_WEIGHTS = "lm.json", "lm.safetensors"  # of a language model, in the folder or apart
# Of the network that restores the written form, in the folder or apart.
PUNCTUATION, PUNCTUATION_WEIGHTS = "punctuation.json", "punctuation.safetensors"
CARD, METRICS = "README.md", "metrics.jsonl"
CURVES, ATTENTION = "curves.png", "attention.png"  # the latter shows sentences of the dev split
HASHES = "hashes"  # section of the JSON files: file name → SHA-256
