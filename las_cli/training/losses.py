"""A network's output and the letters that were spoken in; losses out, summed over letters."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from las_cli.network.las import Output
from las_cli.text.alphabet import BLANK, EOS


class Losses(NamedTuple):
    """Sums over a batch, so that batches and processes add up."""

    attention: Tensor  # cross-entropy of the speller with label smoothing, nats
    ctc: Tensor  # of the CTC head, nats; 0 without one
    letters: Tensor  # with one end of sentence an utterance: what the sums are divided by
    correct: Tensor  # letters the speller has right under teacher forcing


def losses(output: Output, letters: Tensor, lengths: Tensor, smoothing: float = 0.0) -> Losses:
    """letters [B, U] begin with the end of sentence; lengths [B] count letters without it."""
    targets = functional.pad(letters[:, 1:], (0, 1), value=EOS)  # [B, U]: the next letter
    place = torch.arange(targets.shape[1], device=targets.device)[None]
    counted = place <= lengths[:, None]  # the letters and the end of sentence
    log_probs = torch.log_softmax(output.logits.float(), dim=-1)
    picked = -log_probs.gather(2, targets[..., None])[..., 0]  # [B, U]
    # Smoothing over everything but the blank, which the speller cannot write.
    spread = -log_probs[..., BLANK + 1 :].mean(-1)
    attention = ((1 - smoothing) * picked + smoothing * spread)[counted].sum()
    correct = (log_probs.argmax(-1) == targets)[counted].sum()
    ctc = attention.new_zeros(())
    if output.ctc is not None:
        ctc = functional.ctc_loss(
            output.ctc.transpose(0, 1),  # [T, B, V]
            letters[:, 1:],
            output.lengths,
            lengths,
            blank=BLANK,
            reduction="sum",
            zero_infinity=True,
        )
    return Losses(attention, ctc, counted.sum(), correct)


def alignment_health(weights: Tensor, lengths: Tensor, steps: Tensor) -> tuple[float, float]:
    """How diagonal and how sharp attention is, both 0 … 1, averaged over utterances.

    weights [B, U, T], lengths [B] letters, steps [B] listener steps.
    Diagonal: correlation of a letter's place with the mean place attended to (0 if negative).
    Sharp: 1 − entropy of the weights, relative to even weights.
    """
    diagonal, sharp = [], []
    weights = weights.detach().float()
    for row, letters, size in zip(weights, lengths.tolist(), steps.tolist(), strict=True):
        if letters < 3 or size < 3:
            continue
        row = row[:letters, :size]
        place = row @ torch.arange(size, device=row.device, dtype=row.dtype)  # [U]
        order = torch.arange(letters, device=row.device, dtype=row.dtype)
        place, order = place - place.mean(), order - order.mean()
        scale = place.norm() * order.norm()
        diagonal.append(max(0.0, float(place @ order / scale)) if scale > 1e-6 else 0.0)
        entropy = -(row * row.clamp(min=1e-9).log()).sum(1).mean()
        sharp.append(1.0 - float(entropy) / float(torch.log(torch.tensor(float(size)))))
    if not diagonal:
        return 0.0, 0.0
    return sum(diagonal) / len(diagonal), sum(sharp) / len(sharp)
