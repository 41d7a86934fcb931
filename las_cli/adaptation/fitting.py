"""Clips and their texts in, those whose text does not belong to the sound out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from las_cli.corpus import read_cut
from las_cli.decoding.heard import listen
from las_cli.errors import LasError
from las_cli.evaluation.decode_split import batches_by_length
from las_cli.padding import pad_waveforms
from las_cli.text.units import BLANK, steps_needed
from las_cli.training.text_filter import cut_text

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.saved_model.folder import LoadedModel

BATCH_SECONDS = 80.0
RIVALS = 8  # texts of other clips that each own text is compared with
# Nats a letter by which the own text must be likelier than their median: a share of what is usual
# among the clips, or for a voice that is hardly heard at all the least. models/en, by clips of 5 s:
# right texts 1.5 to 7.3, median 3.2 to 4.5; wrong ones less than 0.15 in 7 of 10, at most 2.0.
USUAL_SHARE = 0.3
LEAST_GAIN = 0.15
MOST_STRANGE = 0.4  # share of the clips; with more of them the texts are of another recording


@dataclass(frozen=True)
class Fit:
    """How well the text of a clip belongs to its sound, by the CTC head."""

    cut: Cut
    gain: float  # nats a letter by which it is likelier than the texts of other clips
    problem: str = ""  # why the sound could not be read


def find_fits(
    loaded: LoadedModel,
    cuts: Sequence[Cut],
    progress: Callable[[int, float], None] | None = None,
) -> list[Fit]:
    """Hears each clip and scores its text beside those of other clips of about its length.

    A text is as likely as CTC makes it, per letter, so that it does not matter how well this
    recogniser hears this voice: a voice that it hears badly has texts that all are unlikely, but
    its own least so. Without a CTC head, or with too few texts, all belong.
    """
    texts = [cut_text(cut, loaded.policy) for cut in cuts]
    letters = [loaded.alphabet.encode(text, skip_unknown=True) for text in texts]
    distinct = {text: own for text, own in zip(texts, letters, strict=True)}
    if not loaded.model.has_ctc or len(distinct) < 2:
        return [Fit(cut, float("inf")) for cut in cuts]
    device = next(loaded.model.parameters()).device
    rate = loaded.model.config.features.sample_rate
    fits: dict[int, Fit] = {}
    for batch in batches_by_length([cut.duration for cut in cuts], BATCH_SECONDS):
        waveforms: dict[int, Tensor] = {}
        for index in batch:
            try:
                waveforms[index] = read_cut(cuts[index], rate)
            except LasError as error:
                fits[index] = Fit(cuts[index], 0.0, str(error))
        if waveforms:
            padded, lengths = pad_waveforms(list(waveforms.values()))
            heard = listen(loaded.model, padded.to(device), lengths.to(device))
            assert heard.log_probs is not None
            for row, index in enumerate(waveforms):
                steps = int(heard.lengths[row])
                rivals = _rivals(texts[index], len(letters[index]), distinct)
                gain = gain_of(heard.log_probs[row, :steps], letters[index], rivals)
                fits[index] = Fit(cuts[index], gain)
        if progress:
            progress(len(batch), sum(cuts[index].duration for index in batch))
    return [fits[index] for index in range(len(cuts))]


def _rivals(text: str, length: int, distinct: dict[str, list[int]]) -> list[list[int]]:
    """The texts of other clips that are nearest in length."""
    others = [own for other, own in distinct.items() if other != text and own]
    return sorted(others, key=lambda own: abs(len(own) - length))[:RIVALS]


def gain_of(log_probs: Tensor, own: list[int], rivals: Sequence[list[int]]) -> float:
    """By how many nats a letter `own` is likelier than the median of `rivals`, by CTC.

    The median, since another clip may say nearly the same.
    log_probs [T, V]. Of a text that does not fit into T steps the likelihood is nothing: -inf for
    the own, and no rival. Where no rival fits it is inf.
    """
    steps = len(log_probs)
    if not own or steps_needed(own) > steps:
        return -float("inf")
    others = [rival for rival in rivals if steps_needed(rival) <= steps]
    if not others:
        return float("inf")
    texts = [own, *others]
    lengths = torch.tensor([len(text) for text in texts])
    losses = functional.ctc_loss(
        log_probs.cpu().float()[:, None].expand(-1, len(texts), -1),
        torch.tensor([letter for text in texts for letter in text]),
        torch.full((len(texts),), steps),
        lengths,
        blank=BLANK,
        reduction="none",
    )
    nats = losses / lengths
    return float(nats[1:].median() - nats[0])


def least_gain(fits: Sequence[Fit]) -> float:
    """What a text of these clips must gain to belong to its sound."""
    return max(LEAST_GAIN, USUAL_SHARE * statistics.median(fit.gain for fit in fits))


def refuse_strange(fits: Sequence[Fit]) -> tuple[list[Fit], list[Fit]]:
    """Those that belong, and those that do not, the strangest first.

    LasError where so many do not that the texts, or the language, must be others.
    """
    least = least_gain(fits)
    strange = sorted((fit for fit in fits if fit.gain < least), key=lambda fit: fit.gain)
    if len(strange) > MOST_STRANGE * len(fits):
        raise LasError(
            f"the texts of {len(strange)} of {len(fits)} clips do not belong to their sound, or "
            f"are in a language that this model does not write (the worst: {clip_names(strange)}); "
            "check that each text is what its clip says"
        )
    return [fit for fit in fits if fit.gain >= least], strange


def clip_names(fits: Sequence[Fit], most: int = 5) -> str:
    """A few clips by name."""
    listed = ", ".join(fit.cut.id for fit in fits[:most])
    return listed + (f" and {len(fits) - most} more" if len(fits) > most else "")
