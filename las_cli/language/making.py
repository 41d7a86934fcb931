"""Text and a recogniser in, a folder with a language model for it out: letters, words, facts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from las_cli.folder_lock import FolderLock
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.lm_training import (
    CHECKPOINT,
    LMProgress,
    LMTraining,
    TrainedLM,
    measure_perplexity,
    new_model,
    train_letter_lm,
)
from las_cli.language.mixed_lm import MixedLM
from las_cli.language.mixing import with_words
from las_cli.language.store import load_language_model, save_language_model
from las_cli.language.text import Sentences
from las_cli.language.word_ngrams import MEMORY, MOST_NGRAMS, MOST_WORDS
from las_cli.memory import return_freed_memory
from las_cli.saved_model.folder import LoadedModel, require_own_lm_folder
from las_cli.text.units import parts_words


@dataclass(frozen=True)
class LMPlan:
    """What a language model is made of."""

    network: LetterLMConfig = field(default_factory=LetterLMConfig)  # units: the recogniser's
    training: LMTraining = field(default_factory=LMTraining)
    letters_of: Path | None = None  # folder whose letter network is taken, and none trained
    letters_name: str = ""  # what lm.json calls it
    word_order: int = 3  # words in the longest n-grams; 0 or 1: letters alone
    most_words: int = MOST_WORDS
    most_ngrams: int = MOST_NGRAMS
    counting_memory: int = MEMORY  # bytes


@dataclass(frozen=True)
class MadeLM:
    """A language model that was made and saved, and how well it predicts."""

    perplexity: float  # per letter
    held_out: bool  # measured on lines kept apart; False: there were too few
    minutes: float | None  # of training; None: nothing was trained


def make_language_model(
    plan: LMPlan,
    files: Sequence[Path],
    recogniser: LoadedModel,
    folder: Path,
    device: torch.device,
    *,
    resume: bool = False,
    tell: Callable[[str], None] = lambda sentence: None,
    report: Callable[[LMProgress, float], None] | None = None,
) -> MadeLM:
    """Write into `folder` what `plan` makes of `files`, spelled as the recogniser spells.

    resume: go on from the checkpoint in `folder`
    tell: called with what the user may want to know, a sentence each
    report: see `train_letter_lm`
    """
    require_own_lm_folder(folder)
    lock = FolderLock(folder, "`las train-lm`")
    alphabet = recogniser.alphabet
    sentences = Sentences(files, alphabet, recogniser.policy)
    count = sentences.count()
    tell(f"{count.lines:,} lines, {count.letters:,} letters to learn from")
    for reason, lines in count.left_out.most_common():
        tell(f"{lines:,} lines {reason} left out")
    counts_words = plan.word_order > 1 and parts_words(alphabet)
    if plan.letters_of is not None:
        letters = _letters_of(plan.letters_of, recogniser, device)
        # With words the mixture is measured, and the letters in passing.
        perplexity = math.nan if counts_words else measure_perplexity(letters, sentences.held_out())
        result = TrainedLM(perplexity, 0, 0.0)
        folder.mkdir(parents=True, exist_ok=True)
        origin: dict[str, Any] = {"letters_of": plan.letters_name or plan.letters_of.name}
    else:
        letters = new_model(
            replace(plan.network, units=len(alphabet)), plan.training.seed, device
        )
        folder.mkdir(parents=True, exist_ok=True)
        result = train_letter_lm(
            letters, sentences, count.letters, plan.training, folder, resume, report
        )
        # Whatever becomes of the words: hours are in the letters.
        save_language_model(folder, letters, alphabet)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        origin = {
            "letters_read": result.letters,
            "minutes": round(result.minutes, 1),
            "trained": time.strftime("%Y-%m-%d"),
        }
    facts: dict[str, Any] = {
        "perplexity_per_letter": round(result.perplexity, 4),
        "measured_on": "held-out lines" if sentences.spares_lines() else "training lines",
        "letters": count.letters,
        "text": [path.name for path in files],
        **origin,
    }
    model: LetterLM | MixedLM = letters
    if counts_words:
        return_freed_memory()
        model, mixture = with_words(
            letters,
            alphabet,
            sentences,
            plan.word_order,
            plan.most_words,
            plan.most_ngrams,
            plan.counting_memory,
            folder,
        )
        tell(mixture.summary)
        facts |= mixture.facts
    elif plan.word_order > 1:
        tell("no words are counted: the model does not write letters and spaces")
    save_language_model(folder, model, alphabet, facts)
    lock.release()  # where it fails, with the end of the process
    return MadeLM(
        facts["perplexity_per_letter"],
        sentences.spares_lines(),
        None if plan.letters_of is not None else result.minutes,
    )


def _letters_of(folder: Path, recogniser: LoadedModel, device: torch.device) -> LetterLM:
    known = load_language_model(folder, recogniser.alphabet, device)
    return known.letters if isinstance(known, MixedLM) else known
