"""A cut manifest in, lhotse Shar out and back: numbered pairs of a manifest and a tar of audio."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.corpus.headers import opens_plainly
from las_cli.corpus.layout import MAIN_SPLITS, Layout, split_of
from las_cli.corpus.manifests import json_lines, unusable, utterance_of
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError

if TYPE_CHECKING:
    from lhotse import CutSet

# Columns of a cut that say where its sound is: the tar, and the bytes in it; see shard_sound.
TAR, OFFSET, BYTES = "shard_tar", "shard_offset", "shard_bytes"
SHARD_SIZE = 1000  # clips a shard: some 50 MB of Common Voice


class Shards(Layout):
    """Folders of `cuts.000000.jsonl.gz` and `recording.000000.tar`, by split or a single one."""

    kind = "lhotse Shar"
    lazy = True

    def __init__(self, folder: Path) -> None:
        self._folders = shard_folders(folder)
        super().__init__(folder, tuple(self._folders))

    @staticmethod
    def detects(folder: Path) -> bool:
        return folder.is_dir() and bool(shard_folders(folder))

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The texts and speakers of a split; its sound is inside the tars."""
        for file in sorted(self._folders[split].glob("cuts.*.jsonl*")):
            for number, data in json_lines(file):
                where = f"{file.name}:{number}"
                try:
                    row = utterance_of(where, data or {}, self.folder)
                except Exception as error:  # whatever a foreign manifest holds
                    yield unusable(where, error)
                else:
                    yield row

    def lazy_cuts(self, split: str) -> CutSet:
        """The cuts of a split, their sound read from the tars as they are needed."""
        return open_shards(self._folders[split])


def open_shards(folder: Path) -> CutSet:
    """A folder of shards as lazy cuts, in the order of the shards.

    Those that `write_shards` wrote say where each clip lies in its tar, so its sound is read only
    when it is asked for: of many processes, each reads all manifests (a hundredth of the bytes)
    and draws the same batches from them, but only the sound of its own share. Whole shards are
    not dealt out to the processes, because then these would draw from clips of their own: an
    epoch would end earlier in one than in another, and would depend on how many there are. From
    shards of other tools lhotse reads all the sound in each process.
    """
    from lhotse import CutSet

    manifests = sorted(folder.glob("cuts.*.jsonl*"))
    _, first = next(json_lines(manifests[0]), (0, None))
    if TAR not in ((first or {}).get("custom") or {}):
        return CutSet.from_shar(in_dir=folder)
    from las_cli.corpus.shard_sound import InShards

    sound = InShards(folder, (TAR, OFFSET, BYTES))
    return CutSet.from_files(manifests, shuffle_iters=False).map(sound)


def shard_folders(folder: Path) -> dict[str, Path]:
    """Split → folder of its shards."""
    if _holds_shards(folder):
        return {split_of(folder.name) or "train": folder}
    found: dict[str, Path] = {}
    if folder.is_dir():
        for child in sorted(folder.iterdir()):
            if child.is_dir() and _holds_shards(child):
                found.setdefault(split_of(child.name) or "train", child)
    return {split: found[split] for split in MAIN_SPLITS if split in found}


def _holds_shards(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("cuts.0*.jsonl*"))


def write_shards(
    records: Iterable[dict[str, Any]],
    folder: Path,
    size: int = SHARD_SIZE,
    step: Callable[[], None] = lambda: None,
) -> int:
    """Write cut records (JSON, as `cut_record` makes them) and their sound; returns the number
    of shards.

    Files that a cut covers as a whole are copied byte by byte, so nothing is encoded a second
    time and the shards are no larger than the corpus; pieces of long files are cut out as flac.
    `step` is called after each clip.
    """
    folder.mkdir(parents=True)
    number, manifest, tar = 0, None, None
    for count, record in enumerate(records):
        if count % size == 0:
            _close(manifest, tar)
            manifest = gzip.open(folder / f"cuts.{number:06d}.jsonl.gz", "wb", compresslevel=6)
            tar = tarfile.open(folder / f"recording.{number:06d}.tar", "w")
            number += 1
        assert manifest is not None and tar is not None
        sound, suffix, recording = _sound_of(record)
        offset = _add(tar, f"{record['id']}.{suffix}", sound)
        _add(tar, f"{record['id']}.json", json.dumps(recording, ensure_ascii=False).encode())
        place = {TAR: os.path.basename(str(tar.name)), OFFSET: offset, BYTES: len(sound)}
        custom = {**(record.get("custom") or {}), **place}
        cut = {**record, "start": 0.0, "recording": recording, "custom": custom}
        manifest.write(json.dumps(cut, ensure_ascii=False).encode() + b"\n")
        step()
    _close(manifest, tar)
    return number


def _close(*files: Any) -> None:
    for file in files:
        if file is not None:
            file.close()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> int:
    """Adds a file to `tar`; returns where its first byte is."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
    padded = -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return int(tar.offset) - padded  # type: ignore[attr-defined]


def _sound_of(record: dict[str, Any]) -> tuple[bytes, str, dict[str, Any]]:
    """Bytes, file suffix and recording manifest of one cut's sound."""
    recording = dict(record["recording"])
    source = recording["sources"][0]
    whole = record["start"] == 0 and abs(record["duration"] - recording["duration"]) < 1e-3
    plain = source["type"] == "file" and len(recording["sources"]) == 1
    all_channels = record["channel"] in (0, recording.get("channel_ids", [0]))
    path = str(source.get("source", ""))
    plain = plain and whole and all_channels and not recording.get("transforms")
    if plain and opens_plainly(path):  # else a copy in FLAC: readers of shards know no ffmpeg
        with open(path, "rb") as file:
            sound = file.read()
        suffix = os.path.splitext(path)[1].lstrip(".").lower() or "bin"
    else:
        sound, suffix = _cut_out(record), "flac"
        rate, seconds = recording["sampling_rate"], record["duration"]
        recording |= {"num_samples": round(rate * seconds), "duration": seconds}
        recording["channel_ids"] = _channels(record)
        recording.pop("transforms", None)
    channels = recording.get("channel_ids") or [0]
    recording["sources"] = [{"type": "shar", "channels": channels, "source": ""}]
    return sound, suffix, recording


def _channels(record: dict[str, Any]) -> list[int]:
    channel = record["channel"]
    return list(channel) if isinstance(channel, list) else [channel]


def _cut_out(record: dict[str, Any]) -> bytes:
    import soundfile
    from lhotse.serialization import deserialize_item

    from las_cli.corpus.cuts import load_sound, use_soundfile

    use_soundfile()
    cut = deserialize_item(json.loads(json.dumps(record)))
    try:
        sound = load_sound(cut)
    except LasError as error:
        raise LasError(f"{error}; with --check-audio such clips are left out") from error
    stream = io.BytesIO()
    soundfile.write(stream, sound.T, cut.sampling_rate, format="FLAC")
    return stream.getvalue()
