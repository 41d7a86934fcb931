"""Where a clip lies in a shard's tar in, its sound out; nothing is held before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lhotse.audio import AudioSource

if TYPE_CHECKING:
    import numpy
    from lhotse.cut import Cut


@dataclass
class ShardSource(AudioSource):
    """A sound file inside a tar, read when it is loaded.

    lhotse's own reader hands out each cut with its sound in memory: a buffer of 20,000 cuts to
    draw batches from would hold a gigabyte, and each of many processes would read all shards for
    the few clips of its share.
    """

    offset: int = 0  # bytes into the file `source`
    size: int = 0  # bytes

    def load_audio(self, *args: Any, **kwargs: Any) -> numpy.ndarray:
        with open(str(self.source), "rb") as tar:
            tar.seek(self.offset)
            data = tar.read(self.size)
        return AudioSource("memory", self.channels, data).load_audio(*args, **kwargs)


class InShards:
    """Gives a cut of a manifest in `folder` its sound; an object, so that workers can pickle it."""

    def __init__(self, folder: Path, columns: tuple[str, str, str]) -> None:
        """columns: of a cut, which hold the name of its tar, the place in it, and the bytes"""
        self._folder, self._columns = folder, columns

    def __call__(self, cut: Cut) -> Cut:
        custom = dict(cut.custom or {})
        tar, offset, size = (custom.pop(name) for name in self._columns)
        cut.custom = custom or None
        (source,) = cut.recording.sources
        path = str(self._folder / tar)
        cut.recording.sources = [ShardSource("shar", source.channels, path, None, offset, size)]
        return cut
