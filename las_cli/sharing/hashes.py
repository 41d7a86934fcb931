"""Model files in; their hashes, and what does not match the ones written down, out.

config.json lists the SHA-256 of the files saved with it; the hub names its files by SHA-256 (large
ones, kept in LFS) or by git's SHA-1 (the others).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from las_cli.files import hashed, sha256_of
from las_cli.sharing.remote_files import FILES, HASH


@dataclass(frozen=True)
class Check:
    """What became of one file's hash."""

    name: str
    ok: bool
    note: str  # what was compared, or what is wrong


def git_sha1_of(path: Path) -> str:
    """SHA-1 of a file as git counts it (a header with its size comes first), hexadecimal."""
    return hashed(path, hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False))


def fits(path: Path, wanted: str) -> bool:
    """Whether a file has the hash `wanted`: 64 digits are SHA-256, 40 are git's SHA-1."""
    return (sha256_of(path) if len(wanted) == 64 else git_sha1_of(path)) == wanted


def check_hashes(folder: Path, listed: Mapping[str, Any]) -> list[Check]:
    """Each file of a model folder against `listed` and, in the hub's cache, against the hub's name.

    listed: the sections `hashes` of config.json, lm.json and punctuation.json together
    """
    checks = []
    for name in FILES:
        path = folder / name
        wanted = listed.get(name)
        if not path.is_file():
            if wanted is not None:
                checks.append(Check(name, False, "is listed but missing"))
            continue
        hub = hub_hash(path)
        told = {"its config": wanted} if isinstance(wanted, str) else {}
        if hub is not None:
            told["the hub"] = hub
        wrong = [source for source, digest in told.items() if not fits(path, digest)]
        if wrong:
            checks.append(Check(name, False, f"differs from the hash that {wrong[0]} gives"))
        elif told:
            checks.append(
                Check(name, True, f"as {' and '.join(told)} {'says' if len(told) == 1 else 'say'}")
            )
    return checks


def hub_hash(path: Path) -> str | None:
    """The hash by which the hub knows a file of its cache; None for other files."""
    if not path.is_symlink():
        return None
    blob = path.resolve()
    return blob.name if blob.parent.name == "blobs" and HASH.fullmatch(blob.name) else None
