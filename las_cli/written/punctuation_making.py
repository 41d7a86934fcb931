"""Text in, a folder with its written form out: trained, its marks weighed, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from las_cli.scoring.written import WrittenCounts, written_counts
from las_cli.text.marks import MARKS, read_marked
from las_cli.written.pauses import PauseTable
from las_cli.written.punctuated_text import read_punctuated
from las_cli.written.punctuation_network import PunctuationConfig
from las_cli.written.punctuation_store import make_folder, save_punctuator
from las_cli.written.punctuation_training import (
    PunctuationProgress,
    PunctuationTraining,
    TrainingWords,
    new_network,
    train_punctuation,
)
from las_cli.written.punctuator import Punctuator, Vocabulary

MOST_MEASURED = 4000  # lines, of those kept apart
FEW = 50  # training lines that are measured on where nothing could be kept apart
TOGETHER = 5  # lines that are read as one recording, so that ends of sentences must be found
BIASES = np.arange(-2.0, 2.01, 0.25)  # tried for each mark
ROUNDS = 2  # of trying them, mark by mark
RARE = 10  # a mark with fewer than so many places is not weighed


@dataclass(frozen=True)
class PunctuationPlan:
    """What a written form is made of."""

    network: PunctuationConfig = field(default_factory=PunctuationConfig)
    training: PunctuationTraining = field(default_factory=PunctuationTraining)
    language: str = ""  # code, e.g. en
    pauses: PauseTable | None = None


@dataclass(frozen=True)
class MadePunctuator:
    """A written form that was made and saved, and how good it is."""

    lines: WrittenCounts  # of lines read one by one, each a recording of its own
    together: WrittenCounts  # of lines read TOGETHER at a time
    held_out: bool  # measured on lines kept apart; False: there were too few
    minutes: float  # of training


def make_punctuator(
    plan: PunctuationPlan,
    files: Sequence[Path],
    folder: Path,
    *,
    tell: Callable[[str], None] = lambda sentence: None,
    report: Callable[[PunctuationProgress, float], None] | None = None,
) -> MadePunctuator:
    """Write into `folder` what `plan` makes of `files`.

    tell: called with what the user may want to know, a sentence each
    report: see `train_punctuation`
    LasError for files that cannot be read or have no punctuation to learn from.
    """
    text, held_out = read_punctuated(files)
    tell(f"{len(text):,} lines, {len(text.words):,} words to learn from")
    for reason, lines in text.left_out.most_common():
        tell(f"{lines:,} lines {reason} left out")
    make_folder(folder)  # not after an hour of training
    config = replace(plan.network, words=min(plan.network.words, len(text.types)))
    words = TrainingWords(text, config)
    network = new_network(config, words, plan.training.seed)
    spent = train_punctuation(network, words, plan.training, report)
    vocabulary = Vocabulary(
        tuple(words.vocabulary), text.spellings, text.signs, language=plan.language
    )
    weighing, measured = halves(held_out or text.written(0, FEW))
    punctuator = weighed(Punctuator(network, vocabulary, plan.pauses), weighing)
    made = MadePunctuator(
        measure_punctuator(punctuator, measured),
        measure_punctuator(punctuator, joined_lines(measured)),
        bool(held_out),
        spent.seconds / 60,
    )
    facts: dict[str, Any] = {
        "measured_on": "held-out lines" if made.held_out else "training lines",
        "lines": figures(made.lines),
        f"{TOGETHER}_lines_together": figures(made.together),
        "words": len(text.words),
        "words_read": spent.words,
        "minutes": round(spent.seconds / 60, 1),
        "text": list(dict.fromkeys(path.name for path in files)),
        "trained": time.strftime("%Y-%m-%d"),
    }
    save_punctuator(folder, punctuator, facts)
    return made


def halves(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lines to weigh marks on, and lines to measure them on: TOGETHER neighbours for either.

    Of many lines, evenly taken, about MOST_MEASURED.
    """
    groups = [lines[place : place + TOGETHER] for place in range(0, len(lines), TOGETHER)]
    groups = groups[:: max(1, len(lines) // MOST_MEASURED)]
    first = [line for group in groups[::2] for line in group]
    return first, [line for group in groups[1::2] for line in group] or first


def figures(counts: WrittenCounts) -> dict[str, float]:
    """F1 of each mark that occurs, and the accuracy of case, per cent."""
    found = {mark: own.f1 for mark, own in counts.marks.items() if own.reference}
    found["case"] = counts.case_accuracy
    return {name: round(100 * value, 2) for name, value in found.items()}


def joined_lines(lines: Sequence[str], count: int = TOGETHER) -> list[str]:
    """Lines joined, `count` at a time."""
    return [" ".join(lines[place : place + count]) for place in range(0, len(lines), count)]


def measure_punctuator(punctuator: Punctuator, lines: Sequence[str]) -> WrittenCounts:
    """What becomes of written lines when their marks and capitals are taken and put back."""
    total = WrittenCounts()
    for line in lines:
        plain = " ".join(word for _, word, _ in read_marked(line))
        total += written_counts(line, punctuator.text(plain))
    return total


def weighed(punctuator: Punctuator, lines: Sequence[str]) -> Punctuator:
    """The punctuator with the biases of its marks that give `lines` the best F1.

    The mean over the marks, each as often as it occurs: what is gained for a rare mark must not be
    lost for the common ones.
    """
    scores, classes = [np.zeros((0, 1 + len(MARKS)))], [np.zeros(0, np.int64)]
    for own, marks in _scored(punctuator, joined_lines(lines)):
        scores.append(own)
        classes.append(marks)
    table, wanted = np.concatenate(scores), np.concatenate(classes)
    biases = np.zeros(1 + len(MARKS))
    usual = [c for c in range(1, 1 + len(MARKS)) if (wanted == c).sum() >= RARE]
    for mark in usual * ROUNDS:
        tried = []
        for bias in BIASES:
            biases[mark] = bias
            tried.append((_usual_f1(table + biases, wanted, usual), -abs(bias), bias))
        biases[mark] = max(tried)[2]
    vocabulary = replace(punctuator.vocabulary, biases=tuple(biases.tolist()))
    return Punctuator(punctuator.network, vocabulary, punctuator.pauses)


def _scored(
    punctuator: Punctuator, lines: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Log probabilities of marks [U, 7] and the right classes [U] of each line."""
    classes = {mark: place for place, mark in enumerate(("", *MARKS))}
    spellings = punctuator.vocabulary.spellings
    for line in lines:
        words = read_marked(line)
        with torch.inference_mode():
            vectors = punctuator.vectors([word for _, word, _ in words], True, True)
            states = punctuator.network.read(vectors[None])[0, 1:-1]
            scores = torch.log_softmax(punctuator.network.score_marks(states), dim=-1)
        marks = [
            classes["" if mark == "." and spellings.get(plain, "").endswith(".") else mark]
            for _, plain, mark in words
        ]
        yield scores.numpy(), np.array(marks, np.int64)


def _usual_f1(scores: np.ndarray, wanted: np.ndarray, classes: Sequence[int]) -> float:
    found = scores.argmax(axis=1)
    total = 0.0
    for mark in classes:
        ours, theirs = found == mark, wanted == mark
        total += theirs.sum() * 2 * (ours & theirs).sum() / max(1, ours.sum() + theirs.sum())
    return float(total)
