"""A hypothesis in, how well the listener alone supports it out."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from las_cli.network.device import where_ctc_runs
from las_cli.text.units import BLANK


def ctc_support(units: tuple[int, ...], log_probs: Tensor | None) -> float:
    """Natural log probability a letter of all CTC paths that spell `units`.

    log_probs [T, V]; NaN of nothing or without a CTC head, -inf of more letters than steps.
    """
    if log_probs is None or not units or not len(log_probs):
        return math.nan
    log_probs = where_ctc_runs(log_probs)
    targets = log_probs.new_tensor(units, dtype=log_probs.dtype).long()[None]
    loss = functional.ctc_loss(
        log_probs.float()[:, None],
        targets,
        targets.new_tensor([len(log_probs)]),
        targets.new_tensor([len(units)]),
        blank=BLANK,
        reduction="sum",
    )
    return -float(loss) / len(units)
