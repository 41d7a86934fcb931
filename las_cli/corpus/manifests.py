"""Lhotse manifests in (cuts, or recordings with supervisions), utterances and lazy cuts out."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from las_cli.corpus.headers import AudioHeader
from las_cli.corpus.layout import Layout, by_split
from las_cli.corpus.utterance import BadRow, Utterance, is_text, written
from las_cli.errors import LasError
from las_cli.files import as_on_disk

if TYPE_CHECKING:
    from lhotse import CutSet

PEEK = 100  # cuts looked at to tell whether a manifest can be used as it is


class CutManifests(Layout):
    """`*cuts*.jsonl.gz` files as lhotse writes them, by split or a single one."""

    kind = "lhotse cuts"
    lazy = True

    def __init__(self, folder: Path) -> None:
        self._files = by_split(cut_files(folder))
        super().__init__(folder, tuple(self._files))
        self._ready: dict[Path, bool] = {}

    @staticmethod
    def detects(folder: Path) -> bool:
        return bool(cut_files(folder))

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """One utterance a supervision; cuts of several are trimmed to each of them."""
        for file in self._files[split]:
            for number, data in json_lines(file):
                where = f"{file.name}:{number}"
                if data is None:
                    yield BadRow(where, "the line is no JSON object")
                    continue
                try:
                    records = [data] if _is_plain(data) else _trimmed(data)
                    found = [utterance_of(where, record, self.folder) for record in records]
                except Exception as error:  # whatever lhotse or we make of a foreign manifest
                    yield unusable(where, error)
                    continue
                if not found:
                    yield BadRow(where, "a cut without a supervision or without a recording")
                yield from found

    def lazy_cuts(self, split: str) -> CutSet:
        """The cuts of a split, read as they are needed; memory does not grow with their number."""
        from lhotse import CutSet

        sets = []
        for file in self._files[split]:
            cuts = CutSet.from_jsonl_lazy(file)
            if (prefix := self._prefix(file)) is not None:
                cuts = cuts.map(partial(_from_folder, folder=prefix))
            if not self._as_it_is(file):
                cuts = cuts.filter(_usable).trim_to_supervisions(keep_overlapping=False)
            sets.append(cuts)
        return sets[0] if len(sets) == 1 else sum(sets[1:], sets[0])

    def _prefix(self, file: Path) -> str | None:
        """The folder that relative paths of a manifest hold from, where it is not this one;
        LasError when its first sound file is nowhere."""
        for _, data in islice(json_lines(file), PEEK):
            sources = ((data or {}).get("recording") or {}).get("sources") or [{}]
            if sources[0].get("type") != "file":
                continue
            path = str(sources[0].get("source"))
            if os.path.exists(path):
                return None
            if not os.path.isabs(path) and (file.parent / path).exists():
                return str(file.parent)
            again = (
                "run `las prepare` again" if self.kind.startswith("prepared") else "write it again"
            )
            raise LasError(
                f"{file}: its first sound file, {path}, is not there; if the corpus was moved, "
                f"{again}"
            )
        return None

    def _as_it_is(self, file: Path) -> bool:
        if file not in self._ready:
            first = islice(json_lines(file), PEEK)
            self._ready[file] = all(data is not None and _is_plain(data) for _, data in first)
        return self._ready[file]


class RecordingManifests(Layout):
    """`*recordings*.jsonl.gz` with the `*supervisions*` that belong to them: what most of
    lhotse's recipes write."""

    kind = "lhotse recordings and supervisions"

    def __init__(self, folder: Path) -> None:
        pairs = recording_pairs(folder)
        self._files = by_split(list(pairs))
        self._supervisions = pairs
        super().__init__(folder, tuple(self._files))

    @staticmethod
    def detects(folder: Path) -> bool:
        return bool(recording_pairs(folder))

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """One utterance a supervision."""
        for file in self._files[split]:
            for number, cut in enumerate(self._cuts(file), start=1):
                where = f"{file.name}:{number}"
                try:
                    row = utterance_of(where, cut.to_dict(), self.folder)
                except ValueError as error:
                    yield unusable(where, error)
                else:
                    yield row

    def _cuts(self, file: Path) -> CutSet:
        from lhotse import CutSet, RecordingSet, SupervisionSet

        try:
            cuts = CutSet.from_manifests(
                recordings=RecordingSet.from_file(file),
                supervisions=SupervisionSet.from_file(self._supervisions[file]),
            )
        except Exception as error:  # lhotse raises whatever its parser meets
            raise LasError(f"{file}: lhotse cannot read this manifest ({error})") from error
        return cuts.filter(_usable).trim_to_supervisions(keep_overlapping=False)


def cut_files(folder: Path) -> list[Path]:
    """The cut manifests in `folder`, or `folder` itself when it is one."""
    if folder.is_file():
        return [folder] if _is_manifest(folder) and _looks_like_cuts(folder) else []
    return [file for file in sorted(folder.iterdir())
            if "cuts" in file.name and _is_manifest(file) and _looks_like_cuts(file)]  # fmt: skip


def recording_pairs(folder: Path) -> dict[Path, Path]:
    """Recordings manifest → the supervisions manifest of the same name."""
    if not folder.is_dir():
        return {}
    pairs = {}
    for file in sorted(folder.iterdir()):
        if "recordings" in file.name and _is_manifest(file):
            partner = file.with_name(file.name.replace("recordings", "supervisions"))
            if partner.is_file():
                pairs[file] = partner
    return pairs


def open_lines(path: Path) -> IO[bytes]:
    """A plain or gzipped file of lines."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return open(path, "rb")


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Line number and JSON object of every line; None for a line that holds none."""
    try:
        with open_lines(path) as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    data = json.loads(line)
                except ValueError:
                    data = None
                yield number, data if isinstance(data, dict) else None
    except (OSError, EOFError) as error:
        raise LasError(
            f"{path}: the manifest cannot be read to its end ({error}); write it again"
        ) from error


def _is_manifest(file: Path) -> bool:
    return file.name.endswith((".jsonl", ".jsonl.gz")) and file.is_file()


def _looks_like_cuts(file: Path) -> bool:
    try:
        first = next((data for _, data in json_lines(file)), None)
    except LasError:
        return "cuts" in file.name  # reading it will say what is wrong
    return first is None or "supervisions" in first or str(first.get("type")).endswith("Cut")


def _is_plain(data: dict[str, Any]) -> bool:
    """A cut of one recording with one supervision, which covers it: usable as it is."""
    supervisions = data.get("supervisions") or []
    if "duration" not in data:
        return False
    if data.get("type") not in ("MonoCut", "MultiCut") or len(supervisions) != 1:
        return False
    one = supervisions[0]
    covers = one.get("start", 0) <= 0.01 and one.get("duration", 0) >= data["duration"] - 0.01
    return covers and "recording" in data and isinstance(one.get("text"), str)


def _from_folder(cut: Any, folder: str) -> Any:
    return cut.with_recording_path_prefix(folder)


def _usable(cut: Any) -> bool:
    return bool(cut.has_recording) and any(one.text for one in cut.supervisions)


def _trimmed(data: dict[str, Any]) -> list[dict[str, Any]]:
    from lhotse.cut import MonoCut, MultiCut
    from lhotse.serialization import deserialize_item

    cut = deserialize_item(data)
    if not isinstance(cut, (MonoCut, MultiCut)):
        raise TypeError(f"a {type(cut).__name__}; train on the manifest as it is")
    if not _usable(cut):
        return []
    return [one.to_dict() for one in cut.trim_to_supervisions(keep_overlapping=False)]


def unusable(where: str, error: Exception) -> BadRow:
    """A cut that lhotse, or we, cannot make sense of."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return BadRow(where, f"lhotse cannot use this cut ({reason})")


def utterance_of(where: str, record: dict[str, Any], folder: Path) -> Utterance:
    """The utterance of a plain cut; paths that only hold from its folder are made absolute."""
    supervision = record["supervisions"][0]
    recording = record.get("recording") or {}
    sources = recording.get("sources") or [{}]
    audio, header = "", None
    if "sampling_rate" in recording:
        header = AudioHeader(
            int(recording["sampling_rate"]),
            int(recording.get("num_samples", 0)),
            len(recording.get("channel_ids") or [0]),
        )
    if len(sources) == 1 and sources[0].get("type") == "file":
        audio = str(sources[0].get("source", ""))
        if not os.path.isabs(audio):
            place = folder if folder.is_dir() else folder.parent
            beside = os.path.join(place, audio)
            audio = beside if os.path.exists(beside) else os.path.abspath(audio)
        if (there := as_on_disk(audio)) != str(sources[0].get("source", "")):
            audio = there
            record = {**record, "recording": {**recording, "sources": [
                {**sources[0], "source": audio}]}}  # fmt: skip
    custom = supervision.get("custom") or {}
    said = (record["id"], supervision.get("text"), supervision.get("speaker"), audio)
    if not is_text(*map(str, said), *map(str, custom.values())):
        raise ValueError("it holds half a character, a lone surrogate such as \\ud83d")
    return Utterance(
        id=record["id"],
        audio=audio,
        text=written(supervision.get("text") or ""),
        where=where,
        speaker=supervision.get("speaker"),
        language=supervision.get("language"),
        gender=supervision.get("gender"),
        custom={name: str(value) for name, value in custom.items() if isinstance(value, str)},
        start=float(record.get("start", 0.0)),
        seconds=float(record["duration"]),
        record=record,
        header=header,
    )
