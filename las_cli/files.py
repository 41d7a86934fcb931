"""Text in, a whole file on disk out, or none: never half of one."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from las_cli.errors import LasError

LARGEST_JSON = 64 * 2**20  # bytes; word-piece models are the largest thing kept in JSON


def write_atomically(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`: a reader sees the old file or the new one.

    Makes the folders above it. Raises LasError where it cannot be written.
    """
    # Short, whatever the name: file systems end at 255 bytes, and one letter is up to 4 of them.
    name = zlib.crc32(os.fsencode(path.name))
    temporary = path.with_name(f".las.{os.getpid()}.{name:08x}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # File names need not be UTF-8; \\udc.. is what JSON calls such a byte.
        with temporary.open("w", encoding="utf-8", newline="\n", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        why = error.strerror or str(error)
        raise LasError(f"{path}: cannot be written ({why}); choose another --output-dir.") from None


def whole_number(digits: str) -> int:
    """An integer of a JSON file; ValueError for one that no float and no size can hold."""
    if len(digits) > 19:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file; LasError if missing, too large, damaged or no object."""
    if not path.is_file():
        raise LasError(f"{path}: missing; is {path.parent} a folder that las wrote?")
    if path.stat().st_size > LARGEST_JSON:
        raise LasError(f"{path}: {path.stat().st_size} bytes is too large for a las JSON file")
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_int=whole_number)
    except (OSError, ValueError, RecursionError) as error:
        raise LasError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(data, dict):
        raise LasError(f"{path}: holds a {type(data).__name__}, expected an object")
    return data


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """JSON, written atomically."""
    write_bytes(path, json_bytes(data))


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """JSON as las writes it."""
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file so that a reader sees the old or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # a read-only disk refuses this too
            temporary.unlink(missing_ok=True)
        raise LasError(f"{path}: cannot be written ({error.strerror or error})") from error
