"""A transcript and its recording in, one HTML page to listen to and correct it out.

The page is made of the files in page/: plain HTML, CSS and JavaScript, put into one file that
fetches nothing and runs nothing but what its Content-Security-Policy lists by hash.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from las_cli.output.naming import stem
from las_cli.output.subtitles import (
    OTHER_MARK,
    PAUSE_SECOND,
    SENTENCE_END,
    SubtitleLimits,
)
from las_cli.transcript import DOUBTFUL, UNSURE, Transcript
from las_cli.version import __version__

# In this order: a file uses what stands before it.
SCRIPTS = (
    *("transcript", "readings", "subtitles", "formats", "clips"),
    *("sound", "player", "editor", "save", "words", "page", "keys"),
)
# What a cut between two cues gains, beside the limits.
_GAINS = {"sentence_end": SENTENCE_END, "other_mark": OTHER_MARK, "pause_second": PAUSE_SECOND}


def page_of(
    transcript: Transcript,
    record: Mapping[str, Any],
    sound: Mapping[str, str],
    data: bytes = b"",
    limits: SubtitleLimits | None = None,
    paragraphs: bool = True,
) -> str:
    """The page.

    record: the transcript in JSON's own types, as transcript.schema.json describes it
    sound: `kind` ("embedded", "linked", "none"), `name` of the recording's file, MIME `type`, `url`
    data: the sound where it is embedded
    limits: of the subtitles that the page saves
    paragraphs: whether a written form has sentences to make some of; else a line a segment
    """
    known = _json(record)
    name = PurePath(transcript.source).name or "recording"
    title = "Standard input" if transcript.source == "-" else name
    style, script = _text("page.css"), _script()
    setting = {
        "name": "transcript" if transcript.source == "-" else stem(name),
        "language": "",  # nobody told: a model's name is not always that of a language
        "unsure": UNSURE,
        "doubtful": DOUBTFUL,
        "fingerprint": hashlib.sha256(known.encode("utf-8", "backslashreplace")).hexdigest()[:16],
        "subtitles": dataclasses.asdict(limits or SubtitleLimits()) | _GAINS,
        "paragraphs": paragraphs,
        "sound": dict(sound),
    }
    filled = {
        "policy": _policy(style, script, sound["kind"]),
        "version": __version__,
        "title": escape(title),
        "style": style,
        "script": script,
        "record": known,
        "setting": _json(setting),
        "sound": base64.b64encode(data).decode("ascii"),
        "plain": "".join(
            f"<p>{escape(segment.shown)}</p>" for segment in transcript.segments if segment.shown
        ),
    }
    # In one go: a transcript may hold what looks like a place to be filled.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: filled[place[1]], _text("page.html"))


def _policy(style: str, script: str, kind: str) -> str:
    """Nothing but this style, this script, and sound from the page itself or beside it."""
    media = "blob:" if kind != "linked" else "blob: 'self' file:"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            f"media-src {media}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(data: Any) -> str:
    """JSON that no `</script>` or `<!--` in a text can end."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def link_to(file: Path, folder: Path) -> str:
    """A URL of `file` for a page in `folder`: relative, so that both may move together."""
    try:
        way = os.path.relpath(os.path.abspath(file), os.path.abspath(folder))
    except ValueError:  # from one drive of Windows to another there is none
        return Path(os.path.abspath(file)).as_uri()
    return quote(os.fsencode(way.replace(os.sep, "/")))


@cache
def _text(name: str) -> str:
    return files("las_cli.output").joinpath("page", name).read_text("utf-8")


@cache
def _script() -> str:
    parts = "\n".join(_text(f"{name}.js") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'

