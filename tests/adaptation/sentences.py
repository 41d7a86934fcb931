"""A language model asked for a whole sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from las_cli.text.units import EOS


@torch.inference_mode()
def log_p(model: Any, letters: Sequence[int]) -> float:
    """Natural log p of letter ids with the end of sentence."""
    state, total = model.start(1, 1), 0.0
    for before, after in zip([EOS, *letters], [*letters, EOS], strict=True):
        scores, state = model.step(torch.tensor([[before]]), state)
        total += float(scores[0, 0, after])
    return total
