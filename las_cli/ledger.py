"""Files written into a folder in; afterwards, which of the files there las wrote, and nobody since.

Beside its outputs las keeps `.las-written`: a line for each, `SHA-256  NAME`, as sha256sum has
them. A file that is there and not in that list, or that was changed since, is somebody's work.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from las_cli.errors import LasError
from las_cli.files import sha256_of

LEDGER = ".las-written"


class Ledger:
    """What las wrote into folders; several processes may write into the same ones."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, set[str]]] = {}  # folder → file name → hashes

    def is_own(self, path: Path) -> bool:
        """Whether `path` may be written: nothing is there, or nothing but what las wrote."""
        if not os.path.lexists(path):
            return True
        if not path.is_file() or path.is_symlink():
            return False
        if path.stat().st_size == 0:
            return True  # nothing to lose
        hashes = self._read(path.parent).get(_line_name(path))
        try:
            return bool(hashes) and sha256_of(path) in (hashes or ())
        except LasError:
            return False

    def require_own(self, path: Path) -> None:
        """LasError for a file that las did not write, or that somebody has changed since."""
        if path.is_dir():
            raise LasError(f"{path}: a folder has that name; write into another folder")
        if not self.is_own(path):
            raise LasError(
                f"{path}: is there already and not as las wrote it; --overwrite replaces it, or "
                "choose another --output"
            )

    def note(self, path: Path, digest: str) -> None:
        """`path` is written with that SHA-256, or about to be. LasError if that cannot be noted."""
        line = f"{digest}  {_line_name(path)}\n".encode("utf-8", "surrogateescape")
        place = path.parent / LEDGER
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # One write to the end of the file: lines of several processes do not mix.
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise LasError(
                f"{place}: cannot be written ({error.strerror or error}); choose another folder."
            ) from error
        if path.parent in self._known:
            self._known[path.parent].setdefault(_line_name(path), set()).add(digest)

    def _read(self, folder: Path) -> dict[str, set[str]]:
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = {}
            with contextlib.suppress(OSError):
                text = (folder / LEDGER).read_bytes().decode("utf-8", "surrogateescape")
                for line in text.split("\n"):
                    digest, _, name = line.partition("  ")
                    if name:
                        known.setdefault(name, set()).add(digest)
        return known


def _line_name(path: Path) -> str:
    return path.name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
