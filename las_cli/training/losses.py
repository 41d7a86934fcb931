"""A network's output and the letters that were spoken in; losses out, summed over letters."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from las_cli.network.las import Output
from las_cli.text.units import BLANK, EOS, steps_needed


class Losses(NamedTuple):
    """Sums over a batch, so that batches and processes add up."""

    attention: Tensor  # cross-entropy of the speller with label smoothing, nats
    ctc: Tensor  # of the CTC head, nats; 0 without one
    letters: Tensor  # with one end of sentence an utterance: what the sums are divided by
    correct: Tensor  # letters the speller has right under teacher forcing
    rows: Tensor  # attention, CTC and letters of each utterance, without gradient, [B, 3]


def losses(output: Output, letters: Tensor, lengths: Tensor, smoothing: float = 0.0) -> Losses:
    """letters [B, U] begin with the end of sentence; lengths [B] count letters without it."""
    targets = functional.pad(letters[:, 1:], (0, 1), value=EOS)  # [B, U]: the next letter
    place = torch.arange(targets.shape[1], device=targets.device)[None]
    counted = place <= lengths[:, None]  # the letters and the end of sentence
    log_probs = torch.log_softmax(output.logits.float(), dim=-1)
    picked = -log_probs.gather(2, targets[..., None])[..., 0]  # [B, U]
    # Smoothing over everything but the blank, which the speller cannot write.
    spread = -log_probs[..., BLANK + 1 :].mean(-1)
    smoothed = (1 - smoothing) * picked + smoothing * spread  # [B, U]
    attention = smoothed[counted].sum()
    correct = (log_probs.argmax(-1) == targets)[counted].sum()
    each = attention.new_zeros(len(letters))  # CTC, [B]
    if output.ctc is not None:
        each = functional.ctc_loss(
            output.ctc.transpose(0, 1),  # [T, B, V]
            letters[:, 1:],
            output.lengths,
            lengths,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )
    with torch.no_grad():
        rows = torch.stack([(smoothed * counted).sum(1), each, counted.sum(1).float()], dim=1)
    return Losses(attention, each.sum(), counted.sum(), correct, rows)


GUIDE_WINDOW = 4  # listener steps on each side of a letter's place where attention should be


def guidance(output: Output, letters: Tensor, lengths: Tensor) -> Tensor:
    """How far attention is from where CTC hears the letters: nats, summed over letters.

    The CTC head aligns long before content attention does, which on small data may never find
    the diagonal by itself. The letters' places come from a forced alignment with the head's own
    posteriors (no gradient there); the loss is −log of the attention within `GUIDE_WINDOW`
    steps of a letter's place, and of the last step for the end of sentence.
    letters [B, U] begin with the end of sentence, lengths [B] count letters without it.
    """
    assert output.ctc is not None
    places = letter_places(output.ctc.detach(), output.lengths, letters, lengths)  # [B, U]
    steps = torch.arange(output.weights.shape[2], device=places.device)
    near = (steps - places[..., None]).abs() <= GUIDE_WINDOW  # [B, U, T]
    found = (output.weights.float() * near).sum(-1).clamp(min=1e-6)
    counted = torch.arange(letters.shape[1], device=places.device)[None] <= lengths[:, None]
    return -found.log()[counted & (places >= 0)].sum()


def letter_places(ctc: Tensor, steps: Tensor, letters: Tensor, lengths: Tensor) -> Tensor:
    """The listener step of each letter by CTC forced alignment, −1 where there is none.

    ctc [B, T, V] log-probabilities of `steps` [B]; letters [B, U] begin with the end of sentence
    → [B, U]: place u belongs to the letter after letters[:, u], the last to the end of sentence.
    """
    from torchaudio.functional import forced_align

    places = torch.full(letters.shape, -1, dtype=torch.long)
    for row, (size, count) in enumerate(zip(steps.tolist(), lengths.tolist(), strict=True)):
        target = letters[row, 1 : count + 1]
        if count and steps_needed(target.tolist()) <= size:
            path = forced_align(ctc[row : row + 1, :size].float(), target[None], blank=BLANK)[0][0]
            before = functional.pad(path[:-1], (1, 0), value=BLANK)
            places[row, :count] = ((path != BLANK) & (path != before)).nonzero()[:, 0].cpu()
        places[row, count] = size - 1
    return places.to(letters.device)


def alignment_health(weights: Tensor, lengths: Tensor, steps: Tensor) -> tuple[float, float]:
    """How diagonal and how sharp attention is, both 0 … 1, averaged over utterances.

    weights [B, U, T], lengths [B] letters, steps [B] listener steps.
    Diagonal: correlation of a letter's place with the mean place attended to (0 if negative).
    Sharp: 1 − entropy of the weights, relative to even weights.
    """
    diagonal, sharp = [], []
    weights = weights.detach().float().cpu()
    for row, letters, size in zip(weights, lengths.tolist(), steps.tolist(), strict=True):
        if letters < 3 or size < 3:
            continue
        row = row[:letters, :size]
        place = row @ torch.arange(size, dtype=row.dtype)  # [U]
        order = torch.arange(letters, dtype=row.dtype)
        place, order = place - place.mean(), order - order.mean()
        scale = place.norm() * order.norm()
        diagonal.append(max(0.0, float(place @ order / scale)) if scale > 1e-6 else 0.0)
        entropy = -(row * row.clamp(min=1e-9).log()).sum(1).mean()
        sharp.append(1.0 - float(entropy) / math.log(size))
    if not diagonal:
        return 0.0, 0.0
    return sum(diagonal) / len(diagonal), sum(sharp) / len(sharp)
