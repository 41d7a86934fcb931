"""CTC's n-best in, the same hypotheses scored and ranked by the speller too, in one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from las_cli.decoding.beam_search import Ended, joint_search
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.scorers import letters_alone, remember, take_rows
from las_cli.text.units import EOS

if TYPE_CHECKING:
    from las_cli.network.attention import Memory
    from las_cli.network.speller import Speller


def two_pass_search(decoder: Decoder, heard: Heard) -> list[list[Ended]]:
    """All hypotheses of a search by CTC and language model, ranked anew by the speller too."""
    options = decoder.options
    first = replace(options, search="ctc", nbest=options.beam)
    found = joint_search(decoder.with_options(first), heard)
    memory = remember(decoder.model, heard)
    ranked = rescore(decoder.model.speller, memory, found, options)
    return [entries[: options.nbest] for entries in ranked]


def rescore(
    speller: Speller, memory: Memory, found: list[list[Ended]], options: DecodingOptions
) -> list[list[Ended]]:
    """The hypotheses of each utterance with the speller's score, best first.

    All hypotheses of the batch go through the speller at once under teacher forcing (two-pass
    decoding, Sainath et al. 2019). The total is that of the joint search.
    """
    flat = [entry for entries in found for entry in entries]
    if not flat:
        return found
    device = memory[0].device
    rows = [row for row, entries in enumerate(found) for _ in entries]
    longest = max(len(entry.units) for entry in flat)
    letters = torch.full((len(flat), longest + 1), EOS, device=device)  # begins with EOS
    targets = torch.full_like(letters, EOS)  # ends with EOS
    for place, entry in enumerate(flat):
        units = torch.tensor(entry.units, dtype=torch.int64, device=device)
        letters[place, 1 : len(units) + 1] = units
        targets[place, : len(units)] = units
    own = take_rows(memory, torch.tensor(rows, device=device))
    logits, _ = speller(letters, own)
    spelled = torch.log_softmax(logits.float(), dim=-1).gather(2, targets[..., None])[..., 0]
    unheard = torch.zeros_like(spelled)
    if "internal" in options.weights:
        unheard = spelled_unheard(speller, own, letters).gather(2, targets[..., None])[..., 0]
    ranked: list[list[Ended]] = [[] for _ in found]
    for row, entry, likely, alone in zip(
        rows, flat, spelled.tolist(), unheard.tolist(), strict=True
    ):
        letter_scores = tuple(likely[: len(entry.units) + 1])
        scores = {"attention": sum(letter_scores), **entry.scores}
        if "internal" in options.weights:
            scores["internal"] = sum(alone[: len(entry.units)])
        total = options.total(scores, len(entry.units))
        ranked[row].append(
            replace(entry, letter_scores=letter_scores, scores=scores, total=total)
        )
    return [sorted(entries, key=lambda entry: -entry.total) for entries in ranked]


def spelled_unheard(speller: Speller, memory: Memory, letters: Tensor) -> Tensor:
    """What the speller gives each next letter where it hears nothing, log p [N, U, V].

    letters [N, U] begin with the end of sentence; memory: of as many utterances.
    """
    state, steps = speller.start(memory, 1), []
    for place in range(letters.shape[1]):
        logits, state, _ = speller.step(letters[:, place : place + 1], state, None)
        steps.append(letters_alone(logits))
    return torch.cat(steps, dim=1)
