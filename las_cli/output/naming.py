"""Inputs in, an output name for each out; the folder structure stays and no two are the same."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path


class OutputNames:
    """Gives every input its place below an output folder.

    `a/talk.mp3` given as a file becomes `talk`, as part of the folder `a` also `talk`, below it
    `b/talk` for `a/b/talk.mp3`. Inputs that would share a name keep their extension
    (`talk.mp3`, `talk.wav`), and where that is not enough the name of the folder above, then a
    number. The same list of inputs gives the same names each time, so that a run can go on.
    """

    def __init__(self, inputs: Sequence[tuple[Path, Path | None]]) -> None:
        """Each input is its path, and the folder given on the command line that it was found in."""
        self._names: list[Path] = [Path()] * len(inputs)
        waiting = list(range(len(inputs)))
        used: set[str] = set()
        for attempt in (_plain, _with_extension, _with_folder):
            wanted = {index: attempt(*inputs[index]) for index in waiting}
            counts: dict[str, int] = {}
            for name in wanted.values():
                counts[_key(name)] = counts.get(_key(name), 0) + 1
            for index, name in wanted.items():
                if counts[_key(name)] == 1 and _key(name) not in used:
                    self._names[index] = name
            settled = [index for index in waiting if self._names[index] != Path()]
            used |= {_key(self._names[index]) for index in settled}
            waiting = [index for index in waiting if self._names[index] == Path()]
        for index in waiting:
            base, number = _with_folder(*inputs[index]), 2
            name = base
            while _key(name) in used:
                name = base.with_name(f"{base.name}-{number}")
                number += 1
            used.add(_key(name))
            self._names[index] = name

    def __getitem__(self, index: int) -> Path:
        """The name of input `index`, relative to the output folder, without format extension."""
        return self._names[index]


def _plain(path: Path, folder: Path | None) -> Path:
    relative = _relative(path, folder)
    return _safe(relative.with_name(stem(relative.name)))


def _with_extension(path: Path, folder: Path | None) -> Path:
    return _safe(_relative(path, folder))


def _with_folder(path: Path, folder: Path | None) -> Path:
    above = _below_root(Path(os.path.abspath(path)))[-3:-1]
    relative = _relative(path, folder)
    return _safe(Path(*above) / relative if folder is None else Path(folder.name or "_") / relative)


def _relative(path: Path, folder: Path | None) -> Path:
    if folder is not None:
        with contextlib.suppress(ValueError):
            relative = path.relative_to(folder)
            if relative.name:
                return relative
    return Path("stdin" if str(path) == "-" else path.name or "_")


def stem(name: str) -> str:
    """A file's name without its extension, if it has one."""
    # `2024.11.03` is no name with the extension `.03`, and `.wav` alone is a hidden file.
    match = re.fullmatch(r"(.+)\.([A-Za-z][A-Za-z0-9]{0,4}|3gp|3g2)", name)
    return match.group(1) if match else name


def _safe(name: Path) -> Path:
    """Without a root or `..`, which would lead out of the output folder."""
    parts = [part for part in _below_root(name) if part not in ("..", ".")]
    return Path(*parts) if parts else Path("_")


def _below_root(path: Path) -> tuple[str, ...]:
    # The first part of an absolute path is its root: `/`, on Windows a drive like `D:\` too.
    return path.parts[1:] if path.anchor else path.parts


def _key(name: Path) -> str:
    # File systems of macOS and Windows take `A` and `a` for one name, macOS é and e with an accent.
    return unicodedata.normalize("NFC", str(name)).casefold()
