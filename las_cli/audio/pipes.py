"""A stream of any audio container in, blocks at 16 kHz out."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from las_cli.audio.reader import BLOCK_SECONDS, AudioReader
from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch


class PipeSource:
    """Standard input or a named pipe holding any container that `AudioReader` reads.

    It goes through a temporary file, since containers are read by jumping about in them.
    """

    def __init__(self, opener: Callable[[], BinaryIO], name: str = "-") -> None:
        """opener: gives the stream, when it is its turn: opening a pipe waits for its writer"""
        self._opener, self.name = opener, name
        self.flags: list[str] = []
        self.duration = math.nan

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        """Mono float32 [S] at 16 kHz. Raises LasError as `AudioReader` does."""
        shown = "standard input" if self.name == "-" else self.name
        with tempfile.TemporaryDirectory(prefix="las-") as folder:
            path = Path(folder) / "input"
            with path.open("wb") as file:
                shutil.copyfileobj(self._opener(), file, 1 << 20)
            try:
                reader = AudioReader(path)
                self.duration = reader.duration
                yield from reader.blocks(seconds)
            except LasError as error:
                raise LasError(str(error).replace(str(path), shown, 1)) from None
            self.flags += reader.flags
