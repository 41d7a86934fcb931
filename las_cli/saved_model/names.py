"""What the files of a model folder are called. A room of its own: half the others ask."""

from __future__ import annotations

CONFIG, ALPHABET, WEIGHTS = "config.json", "alphabet.json", "model.safetensors"
LM_CONFIG, LM_WEIGHTS = "lm.json", "lm.safetensors"  # of a language model, in the folder or apart
CARD, METRICS = "README.md", "metrics.jsonl"
CURVES, ATTENTION = "curves.png", "attention.png"  # the latter shows sentences of the dev split
HASHES = "hashes"  # section of config.json and lm.json: file name → SHA-256
