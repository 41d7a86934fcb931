"""A path in, the reader of the corpus that lies there out; or one sentence why it is none."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from las_cli.corpus.common_voice import CommonVoice
from las_cli.corpus.file_lists import NeMo, Tables
from las_cli.corpus.layout import Layout
from las_cli.corpus.librispeech import LibriSpeech
from las_cli.corpus.ljspeech import LJSpeech
from las_cli.corpus.manifests import CutManifests, RecordingManifests
from las_cli.corpus.prepared import Prepared
from las_cli.corpus.shards import Shards
from las_cli.corpus.utterance import is_text
from las_cli.errors import LasError

# The more particular ones first: what `las prepare` wrote also holds cut manifests, and a Common
# Voice folder also holds tables.
_FOLDERS = (
    Prepared,
    CommonVoice,
    Shards,
    CutManifests,
    RecordingManifests,
    LibriSpeech,
    LJSpeech,
    NeMo,
    Tables,
)
_FILES = (CutManifests, NeMo, Tables)

KNOWN_LAYOUTS = (
    "a Common Voice language folder (clips/ and train.tsv), LibriSpeech (train-clean-*/ with "
    "*.trans.txt), LJSpeech (metadata.csv and wavs/), NeMo manifests (*.json with audio_filepath), "
    "a TSV or CSV with path and text columns, lhotse cuts (*cuts*.jsonl.gz, or recordings with "
    "supervisions), lhotse Shar, or what `las prepare` wrote"
)


def detect_layout(path: Path) -> Layout:
    """The reader for the corpus at `path`, a folder or a single manifest; LasError if it is
    none."""
    if not path.exists():
        raise LasError(f"{path}: there is no such file or folder; expected {KNOWN_LAYOUTS}")
    if not is_text(str(path.absolute())):  # neither manifests nor libsndfile can name its files
        raise LasError(
            f"{os.fsencode(path.absolute()).decode(errors='backslashreplace')}: its name is not "
            "UTF-8, so manifests cannot hold it; rename the folder"
        )
    try:
        for kind in _FILES if path.is_file() else _FOLDERS:
            if kind.detects(path):
                return kind(path)
        found = _what_is_there(path)
    except OSError as error:
        raise LasError(f"{error.filename or path}: cannot be read ({error.strerror})") from error
    raise LasError(f"{path}: no corpus ({found}); expected {KNOWN_LAYOUTS}")


def _what_is_there(path: Path) -> str:
    """What a folder holds instead, and where the corpus may be meant."""
    if zipfile.is_zipfile(path):
        return "a zip archive; unpack it and name its folder"
    if path.is_file():
        return "a file that lists no sound files with their text"
    children = sorted(path.iterdir())
    if not children:
        return "the folder is empty"
    inside = [
        child.name
        for child in children[:200]
        if child.is_dir()
        and os.access(child, os.R_OK | os.X_OK)
        and any(kind.detects(child) for kind in (Prepared, CommonVoice))
    ]
    if inside:
        return f"but there is one in {', '.join(inside[:8])}: name that folder"
    if (path / "clips").is_dir():
        return "clips/ without train.tsv, dev.tsv, test.tsv or validated.tsv"
    if any((path / f"{split}.tsv").is_file() for split in ("train", "validated", "test")):
        return "Common Voice tables without clips/"
    names = ", ".join(child.name for child in children[:5])
    return f"it holds {names}" + (" ..." if len(children) > 5 else "")
