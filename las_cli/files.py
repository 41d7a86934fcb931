"""Text in, a whole file on disk out, or none: never half of one."""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

from las_cli.errors import LasError


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
