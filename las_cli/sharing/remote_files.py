"""A repository's list of files in; the few that las fetches out, or the reason to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from las_cli.errors import LasError
from las_cli.saved_model.names import (
    ALPHABET,
    CONFIG,
    LM_CONFIG,
    LM_WEIGHTS,
    PUNCTUATION,
    PUNCTUATION_WEIGHTS,
    WEIGHTS,
)
from las_cli.saved_model.weights import PICKLES, WHY_NO_PICKLE, shown

# Fetched in this order: a snapshot without config.json is no model, so it comes last.
NEEDED = (WEIGHTS, ALPHABET, CONFIG)
FILES = ("README.md", PUNCTUATION_WEIGHTS, PUNCTUATION, LM_WEIGHTS, LM_CONFIG, *NEEDED)
LARGEST = {".json": 64 * 2**20, ".md": 2**20, ".safetensors": 8 * 2**30}  # bytes
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """One file as the hub lists it."""

    name: str
    size: int  # bytes
    digest: str  # SHA-256 (64 digits) of an LFS file, else git's SHA-1 (40 digits)


def choose_files(repo: str, found: Iterable[tuple[str, object, object]]) -> list[RemoteFile]:
    """The files to fetch, of (name, size, hash) as the hub lists them.

    Raises LasError for a name that leads out of the folder, for a repository that is no model of
    las (naming the pickles it has instead), and for sizes or hashes that cannot be.
    """
    files = {}
    for name, size, digest in found:
        if not _is_inside(name):
            raise LasError(
                f"{repo}: lists a file {shown(repr(name))}, which leads out of its folder; "
                "nothing was fetched, do not trust this repository"
            )
        files[name] = (size, digest)
    missing = [name for name in NEEDED if name not in files]
    if missing:
        pickles = sorted(n for n in files if PurePosixPath(n).suffix.lower() in PICKLES)
        if pickles:
            raise LasError(f"{repo}: holds {shown(pickles[0])}, {WHY_NO_PICKLE}")
        raise LasError(f"{repo}: is no las model ({', '.join(missing)} missing)")
    return [_checked(repo, name, *files[name]) for name in FILES if name in files]


def _checked(repo: str, name: str, size: object, digest: object) -> RemoteFile:
    most = LARGEST[PurePosixPath(name).suffix]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= most:
        raise LasError(f"{repo}: {name} has {shown(str(size))} bytes, expected at most {most}")
    if not isinstance(digest, str) or not HASH.fullmatch(digest):
        raise LasError(f"{repo}: the hub gives no hash for {name}, so it cannot be checked")
    return RemoteFile(name, size, digest)


def _is_inside(name: object) -> bool:
    """Whether a name stays in its folder on every system."""
    if not isinstance(name, str) or not name or len(name) > 1024 or not name.isprintable():
        return False
    windows = PureWindowsPath(name)
    return not (
        "\\" in name
        or windows.drive
        or windows.root
        or PurePosixPath(name).is_absolute()
        or ".." in windows.parts
    )
