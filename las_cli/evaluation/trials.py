"""Searches done while tuning in, a file that a second run takes them from out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from las_cli.decoding.options import SOURCES, DecodingOptions
from las_cli.errors import LasError
from las_cli.evaluation.pool import Candidate

COLUMNS = (*SOURCES, "internal")  # the last where it was asked
Found = list[list[Candidate]]  # of every utterance, best first


class Trials:
    """What was searched with which options, in memory and, if asked, in a file of JSON lines."""

    def __init__(self, path: Path | None = None, about: Mapping[str, Any] | None = None) -> None:
        """about: what the searches depend on beside their options: model, clips, precision.

        LasError where `path` holds searches about something else, or cannot be read.
        """
        self._path = path
        self._known: dict[str, Found] = {}
        if path is None:
            return
        header = json.dumps({"about": dict(about or {})}, sort_keys=True)
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise LasError(f"{path}: cannot be read ({error}); name another file") from error
        lines = text.splitlines()
        if lines and lines[0] != header:
            raise LasError(
                f"{path}: holds trials of another model, language model or other clips; "
                "name another file"
            )
        for line in lines[1:]:
            self._take(line)
        if not lines:
            self._write(header)
        elif not text.endswith("\n"):
            self._write("")  # ends the half line of an interrupted run

    def get(self, options: DecodingOptions) -> Found | None:
        """What a search with `options` found, if it was done."""
        return self._known.get(_key(options))

    def put(self, options: DecodingOptions, found: Found) -> None:
        """Keep what a search found. LasError where the file cannot be written."""
        self._known[_key(options)] = found
        rows = [[_row(one) for one in candidates] for candidates in found]
        self._write(json.dumps({"options": _key(options), "found": rows}, ensure_ascii=False))

    def _take(self, line: str) -> None:
        try:
            data = json.loads(line)
            found = [[_candidate(row) for row in candidates] for candidates in data["found"]]
            self._known[str(data["options"])] = found
        except (ValueError, KeyError, TypeError):
            return  # the last line of a run that was interrupted; it is searched again

    def _write(self, line: str) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise LasError(f"{self._path}: cannot be written ({error.strerror})") from error


def _key(options: DecodingOptions) -> str:
    return json.dumps(options.to_config(), sort_keys=True)


def _row(one: Candidate) -> Sequence[Any]:
    scores = (round(one.scores[name], 4) for name in COLUMNS if name in one.scores)
    return (one.text, *scores, one.length)


def _candidate(row: Sequence[Any]) -> Candidate:
    text, *scores, length = row
    return Candidate(text, dict(zip(COLUMNS[: len(scores)], scores, strict=True)), length)
