"""A tiny network with random weights, and noise to hear."""

from tests.transcribe.conftest import tiny_model, write_noise

__all__ = ["tiny_model", "write_noise"]
