"""Byte ranges of a file and bytes put between them in, one file to read out."""

from __future__ import annotations

import io
from typing import BinaryIO

WINDOW = 1 << 20  # bytes that are read at a time

Piece = tuple[int, int] | bytes  # begin and end in the file, or bytes that stand for themselves


class ByteView(io.RawIOBase):
    """`pieces` of `file` joined, for a decoder that knows nothing of what was left out."""

    def __init__(self, file: BinaryIO, pieces: tuple[Piece, ...]) -> None:
        self._file = file
        self._pieces: list[tuple[int, Piece, int]] = []  # begin in the view, piece, its length
        self._size = self._at = 0
        for piece in pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            if length > 0:
                self._pieces.append((self._size, piece, length))
                self._size += length

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        done = 0
        for begin, piece, length in self._pieces:
            if not begin <= self._at < begin + length:
                continue
            skip = self._at - begin
            count = min(length - skip, len(view) - done)
            if isinstance(piece, bytes):
                view[done : done + count] = piece[skip : skip + count]
            else:
                self._file.seek(piece[0] + skip)
                data = self._file.read(count)
                view[done : done + len(data)] = data
                count = len(data)
            done += count
            self._at += count
            if done == len(view):
                break
        return done


class Window:
    """A large file, looked at from front to back in small bites that are read in large ones."""

    def __init__(self, file: BinaryIO, size: int, bite: int = WINDOW) -> None:
        """bite: bytes that are read at a time, at least"""
        self.file, self.size, self._bite = file, size, bite
        self._first, self._held = 0, b""

    def get(self, at: int, count: int) -> bytes:
        """`count` bytes from `at` on; fewer at the end of the file."""
        skip = at - self._first
        if skip < 0 or skip + count > len(self._held):
            self._first, skip = at, 0
            self.file.seek(at)
            self._held = self.file.read(max(count, self._bite))
        return self._held[skip : skip + count]

    def find(self, mark: bytes, at: int, end: int | None = None) -> int:
        """Where `mark` stands next at or behind `at`, before `end`; -1 where it does not."""
        end = self.size if end is None else end
        while at < end:
            block = self.get(at, min(WINDOW, end - at))
            place = block.find(mark)
            if place >= 0:
                return at + place
            if len(block) < len(mark) or at + len(block) >= end:
                return -1
            at += len(block) - len(mark) + 1
        return -1

    def is_zero(self, at: int, end: int) -> bool:
        """Whether nothing but zero bytes stands in at … end."""
        while at < end:
            block = self.get(at, min(WINDOW, end - at))
            if not block or block.strip(b"\0"):
                return not block
            at += len(block)
        return True
