"""An adapted model and what it is worth in, its whole folder out: weights, words, search, card."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.adaptation.adapt import Adaptation, work_folder
from las_cli.adaptation.outcome import RATES, Outcome
from las_cli.errors import LasError
from las_cli.files import write_text
from las_cli.language.store import save_language_model
from las_cli.saved_model.folder import LoadedModel, save_model
from las_cli.saved_model.names import (
    CARD,
    LM_CONFIG,
    LM_WEIGHTS,
    PUNCTUATION,
    PUNCTUATION_WEIGHTS,
    WEIGHTS,
)

if TYPE_CHECKING:
    from las_cli.scoring.comparison import Comparison

ORIGINAL = "ORIGINAL.md"  # the card of the model that was adapted
KEPT_FACTS = ("preset", "parameters")  # of that model, true of the adapted one too


def keep(adaptation: Adaptation, outcome: Outcome) -> Path:
    """Writes the model folder `adaptation.output`, whole or not at all, and returns it.

    LasError if it cannot be written.
    """
    loaded = adaptation.recogniser.loaded
    name = loaded.name  # no path of this machine
    facts = described(adaptation, outcome, name, voiced=adaptation.voiced is not None)
    folder = work_folder(adaptation.output) / "model"
    shutil.rmtree(folder, ignore_errors=True)
    save_model(
        folder, (adaptation.voiced or loaded).model, loaded.alphabet, loaded.policy,
        decoding=loaded.decoding, half=is_half(loaded),
        facts={key: loaded.facts[key] for key in KEPT_FACTS if key in loaded.facts} | facts,
    )  # fmt: skip
    if outcome.words is not None:
        told = {"adapted_from": name, "text": [file.name for file in outcome.words.notes.files]}
        save_language_model(folder, outcome.words.model, loaded.alphabet, told)
    else:
        copy_files(loaded, folder, (LM_CONFIG, LM_WEIGHTS))
    copy_files(loaded, folder, (PUNCTUATION_WEIGHTS, PUNCTUATION))
    if (loaded.folder / CARD).is_file():
        shutil.copyfile(loaded.folder / CARD, folder / ORIGINAL)
    write_text(folder / CARD, card(adaptation.output.name, name, facts, outcome))
    try:
        if adaptation.output.exists():
            adaptation.output.rmdir()  # empty, or it would have been refused
        folder.rename(adaptation.output)
    except OSError as error:
        raise LasError(
            f"{adaptation.output}: cannot be written ({error.strerror or error}); the model is in "
            f"{folder}"
        ) from error
    return adaptation.output


def copy_files(loaded: LoadedModel, folder: Path, names: tuple[str, ...]) -> None:
    """Files of a model's folder, those that are there; LasError if they cannot be copied."""
    try:
        for name in names:
            if (loaded.folder / name).is_file():
                shutil.copyfile(loaded.folder / name, folder / name)
    except OSError as error:
        raise LasError(f"{folder}: cannot be written ({error.strerror or error})") from error


def is_half(loaded: LoadedModel) -> bool:
    """Whether the weights of a model lie in float16, as shipped ones do."""
    from safetensors import safe_open

    with safe_open(str(loaded.folder / WEIGHTS), framework="np") as file:
        return all(file.get_slice(name).get_dtype() == "F16" for name in file.keys())  # noqa: SIM118


def described(
    adaptation: Adaptation, outcome: Outcome, name: str, *, voiced: bool
) -> dict[str, Any]:
    """The facts of the adapted model: from what, by what, how good.

    voiced: whether its network learned from the recordings; else they only checked it
    """
    facts: dict[str, Any] = {"adapted_from": name, "adapted": time.strftime("%Y-%m-%d")}
    if adaptation.clips is not None:
        division = adaptation.clips.division
        facts |= {
            "check_clips": len(division.check),
            "check_minutes": round(division.check_seconds / 60, 1),
        }
        if voiced:
            facts |= {
                "train_clips": len(division.train),
                "train_minutes": round(division.train_seconds / 60, 1),
                "voice": dataclasses.asdict(adaptation.request.voice),
            }
    if outcome.words is not None:
        found = outcome.words.enrichment
        facts["text"] = {
            "sentences": found.sentences, "words": found.words, "new_words": found.new_words,
            "share": found.share,
        }  # fmt: skip
    return facts | {"check": outcome.facts}


def card(title: str, name: str, facts: dict[str, Any], outcome: Outcome) -> str:
    """The README.md of the adapted model."""
    lines = [
        f"# {title}: {name}, adapted",
        "",
        f"Made from the model {name} with `las adapt` on {facts['adapted']}. What that model is, "
        f"what it was made of and under which licences is in [{ORIGINAL}]({ORIGINAL}), where it "
        "has a card.",
    ]
    if "train_minutes" in facts:
        lines += [
            "",
            f"Adapted to {facts['train_minutes']} minutes of speech ({facts['train_clips']} "
            f"clips); checked by {facts['check_minutes']} others ({facts['check_clips']} clips), "
            "by which the moment to stop was chosen too, so the rates below are a little too good.",
        ]
    elif "check_minutes" in facts:
        lines += [
            "",
            f"Its network is that of {name}: what it learned from the recordings made it no better "
            f"on {facts['check_minutes']} minutes of them ({facts['check_clips']} clips).",
        ]
    if "text" in facts:
        text = facts["text"]
        lines += [
            "",
            f"{text['sentences']:,} sentences of text are mixed into its language model (share "
            f"{text['share']}); {text['new_words']:,} of their {text['words']:,} words were new.",
        ]
    if outcome.comparison is not None:
        lines += ["", *markdown_rates(outcome.comparison)]
    if "perplexity_per_letter" in facts["check"]:
        found = facts["check"]["perplexity_per_letter"]
        lines += [
            "",
            f"Perplexity per letter on sentences kept apart: {found['before']:.3f} before, "
            f"{found['after']:.3f} after.",
        ]
    return "\n".join(lines) + "\n"


def markdown_rates(comparison: Comparison) -> list[str]:
    """A table in Markdown: before, after, difference with its interval."""
    rows = ["| | before | after | difference | 95 % interval |", "|---|---|---|---|---|"]
    for name in RATES:
        one = comparison.differences[name]
        low, high = 100 * one.interval.low, 100 * one.interval.high
        rows.append(
            f"| {name} | {one.first:.2%} | {one.second:.2%} | {100 * one.difference:+.2f} | "
            f"{low:+.2f} … {high:+.2f} |"
        )
    return rows
