"""A folder in; the right to write there, for one process at a time, until that process ends.

The lock is the system's, on an open file: whatever ends the process (kill -9, the memory killer, a
power cut) ends it too, and nothing has to be cleaned up. The file by itself means nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import Any

from las_cli.errors import LasError, UsageError

LOCK = ".las-lock"
_held: dict[str, Any] = {}  # folder → its open lock file: the process holds it, whoever asks
_UNKNOWN = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class FolderLock:
    """Held by this process from its making on; `release` or the process' end gives it back."""

    def __init__(self, folder: Path, doing: str) -> None:
        """doing: what is done there, for the message: "training".

        Makes the folder. UsageError if another process holds it; LasError if it cannot be written.
        Where a disk has no locks, nothing is held.
        """
        self.path = folder / LOCK
        self._new = [one for one in (folder, *folder.parents) if not one.exists()]
        self._key = os.path.realpath(folder)
        if self._key in _held:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = self._locked(doing)
        except OSError as error:
            raise LasError(
                f"{folder}: cannot be written ({error.strerror or error}); name another folder"
            ) from error
        if file is None:
            return
        _held[self._key] = file
        file.truncate(0)
        file.write(f"process {os.getpid()} of {socket.gethostname()}\n".encode())
        file.flush()

    def _locked(self, doing: str) -> Any:
        """The open lock file; None where the disk has no locks."""
        while True:
            # Not inherited by programs that are started; to append, or opening would empty it.
            file = open(self.path, "a+b")
            try:
                _lock(file.fileno())
            except OSError as error:
                file.close()
                if error.errno in _UNKNOWN:
                    return None
                raise UsageError(
                    f"{self.path.parent}: another {doing} writes there{_holder(self.path)}; wait "
                    "for its end, stop it, or name another folder"
                ) from error
            try:
                if os.path.samestat(os.fstat(file.fileno()), os.stat(self.path)):
                    return file
            except FileNotFoundError:
                pass
            file.close()  # the one before has just taken its file away

    def release(self, clean: bool = False) -> None:
        """Give the folder back; clean: with the folder itself, if nothing was put there."""
        file = _held.pop(self._key, None)
        if file is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
            if clean:
                for folder in self._new:
                    folder.rmdir()
        file.close()


def _lock(descriptor: int) -> None:
    """Takes the lock or raises OSError at once."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        os.lseek(descriptor, 2**20, os.SEEK_SET)  # what Windows locks cannot be read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(path: Path) -> str:
    try:
        told = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f" ({told})" if told.isprintable() and told else ""
