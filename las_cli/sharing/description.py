"""A model's name in; what a person wants to know of it out, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from las_cli.files import read_json
from las_cli.saved_model.folder import network_config, section, text_policy
from las_cli.saved_model.names import ALPHABET, CONFIG, LM_CONFIG, PUNCTUATION, WEIGHTS
from las_cli.saved_model.weights import check_network, check_weights, count, shown
from las_cli.sharing.card import measurements, rate_text, thinned
from las_cli.sharing.find import find_model
from las_cli.sharing.hashes import Check, check_hashes
from las_cli.sharing.remote_files import FILES
from las_cli.sharing.upload import listed_hashes
from las_cli.text import TextPolicy, Units, units_from_json

MOST_UNITS = 200  # shown of an alphabet
LONGEST = 200  # letters of a fact


@dataclass(frozen=True)
class Description:
    """What is known of a model without running it."""

    folder: Path
    table: Table
    checks: list[Check]


def describe(name: str) -> Description:
    """Everything but the card; LasError if the model would not load."""
    folder = find_model(name)
    config = read_json(folder / CONFIG)
    network = network_config(config, folder / CONFIG)
    policy = text_policy(config)
    alphabet = units_from_json(read_json(folder / ALPHABET))
    shapes = check_network(network, folder / CONFIG)
    checks = check_hashes(folder, listed_hashes(folder))
    broken = {check.name for check in checks if not check.ok}
    if not broken & {WEIGHTS, ALPHABET}:  # else the hashes say it better
        check_weights(folder / WEIGHTS, shapes, CONFIG)
    rows = {"folder": str(folder)} | _layers(network, count(shapes)) | _text(alphabet, policy)
    sizes = {file: (folder / file).stat().st_size for file in FILES if (folder / file).is_file()}
    rows["files"] = ", ".join(f"{file} {_bytes(size)}" for file, size in sizes.items())
    facts = section(config, "facts", folder / CONFIG)
    rows |= {str(key): _fact(value) for key, value in facts.items()}
    if (folder / LM_CONFIG).is_file():
        language = read_json(folder / LM_CONFIG)
        parts = {"letters": "network", "words": "words", "facts": "facts"}
        rows |= {
            f"language model, {shows}": _fact(language[name])
            for shows, name in parts.items()
            if language.get(name)
        }
    if (folder / PUNCTUATION).is_file():
        written = read_json(folder / PUNCTUATION)
        rows |= {
            f"written form, {name}": _fact(written[name])
            for name in ("language", "network", "facts")
            if written.get(name)
        }
    decoding = section(config, "decoding", folder / CONFIG)
    if decoding:
        rows["search"] = _fact(decoding)
    table = Table(show_header=False, box=None)
    for key, value in rows.items():
        table.add_row(escape(shown(key.replace("_", " "))), escape(shown(value, 2000)))
    return Description(folder, table, checks)


def _layers(config: Any, parameters: int) -> dict[str, str]:
    attention, speller = config.attention, config.speller
    return {
        "parameters": f"{parameters / 1e6:.1f} million",
        "listener": f"{config.listener.told}, {config.step_seconds * 1000:.0f} ms steps",
        "attention": f"{attention.kind}, {attention.heads} heads",
        "speller": f"{speller.form}, {speller.layers} layers of {speller.hidden}",
        "CTC head": "yes" if config.ctc else "no",
    }


def _text(alphabet: Units, policy: TextPolicy) -> dict[str, str]:
    units = [unit if unit != " " else "␣" for unit in alphabet.units[:MOST_UNITS]]
    more = f" and {len(alphabet.units) - MOST_UNITS} more" if len(units) == MOST_UNITS else ""
    return {
        f"{len(alphabet.units)} {alphabet.kind}": " ".join(units) + more,
        "text": f"case {policy.case}, punctuation {policy.punctuation}, digits {policy.digits}",
    }


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key} {inner}" for key, inner in value.items())
    text = str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def rate_table(folder: Path) -> Table | None:
    """How good a run was as it was trained; None for a folder without metrics."""
    rows = thinned(measurements(folder))
    if not rows:
        return None
    table = Table("update", "hours heard", "dev LER", "dev WER", "LER of CTC alone", box=None)
    for row in rows:
        hours = row.get("hours")
        table.add_row(
            shown(str(row.get("step", "?"))),
            f"{hours:.1f}" if isinstance(hours, int | float) else "?",
            rate_text(row["dev_ler"]),
            rate_text(row.get("dev_wer")),
            rate_text(row.get("dev_ctc_ler")),
        )
    return table


def hash_table(checks: list[Check]) -> Table | str:
    """A row for each file whose hash is known."""
    if not checks:
        return "hashes: none were written down for this model"
    table = Table("file", "hash", "", box=None)
    for check in checks:
        table.add_row(check.name, "ok" if check.ok else "WRONG", check.note)
    return table
