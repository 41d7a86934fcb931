"""A model in; the files to share, checked and without the paths of this machine, out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from las_cli.errors import LasError
from las_cli.files import json_bytes, read_json
from las_cli.saved_model.folder import LoadedModel, section
from las_cli.saved_model.names import (
    ALPHABET,
    ATTENTION,
    CARD,
    CONFIG,
    CURVES,
    HASHES,
    LM_CONFIG,
    LM_WEIGHTS,
    PUNCTUATION,
    PUNCTUATION_WEIGHTS,
    WEIGHTS,
)
from las_cli.sharing.card import make_card, own_card
from las_cli.sharing.hashes import check_hashes

LANGUAGE_MODEL = (LM_CONFIG, LM_WEIGHTS)
WRITTEN_FORM = (PUNCTUATION, PUNCTUATION_WEIGHTS)
PICTURES = (CURVES, ATTENTION)


def listed_hashes(folder: Path) -> dict[str, Any]:
    """The hashes that the JSON files of a model folder give for the others."""
    found: dict[str, Any] = {}
    for name in (CONFIG, LM_CONFIG, PUNCTUATION):
        if (folder / name).is_file():
            found |= section(read_json(folder / name), HASHES, folder / name)
    return found


def require_hashes(folder: Path) -> None:
    """LasError if a file is not the one that was saved with the config."""
    for check in check_hashes(folder, listed_hashes(folder)):
        if not check.ok:
            raise LasError(
                f"{folder / check.name}: {check.note}; the file was changed or damaged, "
                "save or pull the model again"
            )


def files_to_share(
    loaded: LoadedModel, name: str, *, language: str | None = None, licence: str | None = None
) -> dict[str, bytes | Path]:
    """Name in the repository → content, of a model that loads and has the hashes it lists."""
    folder = loaded.folder
    require_hashes(folder)
    config = _shared(folder / CONFIG)
    files: dict[str, bytes | Path] = {
        CONFIG: json_bytes(config),
        ALPHABET: folder / ALPHABET,
        WEIGHTS: folder / WEIGHTS,
    }
    for description, weights in (LANGUAGE_MODEL, WRITTEN_FORM):
        if (folder / description).is_file() and (folder / weights).is_file():
            files |= {
                description: json_bytes(_shared(folder / description)),
                weights: folder / weights,
            }
    card = make_card(
        folder, name, config["facts"], loaded.alphabet.units,
        language=language, licence=licence,
    )  # fmt: skip
    files[CARD] = card.encode()
    # Only what the user's own card shows: a picture may hold what was said.
    own = own_card(folder)
    files |= {pic: folder / pic for pic in PICTURES if pic in own and (folder / pic).is_file()}
    return files


def _shared(path: Path) -> dict[str, Any]:
    """A JSON file of a model, its facts without paths."""
    data = read_json(path)
    return data | {"facts": without_paths(section(data, "facts", path))}


def without_paths(data: Any) -> Any:
    """JSON with the last part only of whatever is a path: the folders of one's machine are private.

    >>> without_paths({"data": "/home/me/cv/en", "step": 3, "preset": "base"})
    {'data': 'en', 'step': 3, 'preset': 'base'}
    """
    if isinstance(data, Mapping):
        return {key: without_paths(value) for key, value in data.items()}
    if isinstance(data, list):
        return [without_paths(value) for value in data]
    if isinstance(data, str) and _is_path(data):
        return PureWindowsPath(data).name if "\\" in data else PurePosixPath(data).name
    return data


def _is_path(text: str) -> bool:
    return "\n" not in text and (
        text.startswith(("/", "./", "../", "~/", "~\\", "..\\", ".\\"))
        or PureWindowsPath(text).is_absolute()
    )
