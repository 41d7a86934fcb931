"""A recording in, what a browser plays of it out: the file as it is, or a copy in FLAC."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.containers import media_kind
from las_cli.audio.reader import AudioReader
from las_cli.errors import LasError
from las_cli.files import make_folder_of, whole_file

# libsndfile's names of what the browsers of today decode, and what they call it.
_PLAYED = {
    "FLAC": "audio/flac",
    "MP3": "audio/mpeg",
    "OGG": "audio/ogg",
    "WAV": "audio/wav",
    "WAVEX": "audio/wav",
}
_PLAYED_WAV = {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW"}
# Large for what they hold: a copy in FLAC is embedded in their place.
_WASTEFUL = ("audio/wav", "video/mp4", "video/webm")
COPY = "audio/flac"
ADVICE = "; choose another folder."


@dataclass(frozen=True)
class Playable:
    """What a page needs to know of a recording; exactly one of `data` and `linked` is there."""

    type: str  # MIME type
    data: bytes | None = None  # small enough to be embedded
    linked: Path | None = None  # the recording itself, or its copy


def playable(recording: Path, most: int, copy: Path | None = None) -> Playable:
    """The recording as a browser plays it.

    most: bytes that may be embedded
    copy: where a copy in FLAC is written of a recording that is larger and that no browser plays;
    None: such a recording is linked as it is
    Raises LasError for a recording that cannot be read, or a copy that cannot be written.
    """
    kind = _type_of(recording)
    try:
        size = recording.stat().st_size
        if kind is not None and kind not in _WASTEFUL and size <= most:
            return Playable(kind, data=recording.read_bytes())
    except OSError as error:
        raise LasError(f"{recording}: cannot be read ({error.strerror}).") from error
    if most > 0:
        data = _Limited(most)
        if _write_copy(recording, data):
            return Playable(COPY, data=data.getvalue())
    if kind is not None or copy is None:
        return Playable(kind or "", linked=recording)
    make_folder_of(copy, ADVICE)
    with whole_file(copy, advice=ADVICE) as file:
        _write_copy(recording, file)
    return Playable(COPY, linked=copy)


def _type_of(recording: Path) -> str | None:
    """The MIME type of what browsers play; None for the rest."""
    import soundfile

    try:
        info = soundfile.info(str(recording))
    except (soundfile.SoundFileError, RuntimeError, UnicodeEncodeError):
        with recording.open("rb") as stream:
            kind = media_kind(stream.read(4096)) or ""
        return {"an MP4": "video/mp4", "a Matroska": "video/webm"}.get(" ".join(kind.split()[:2]))
    if info.format in ("WAV", "WAVEX") and info.subtype not in _PLAYED_WAV:
        return None
    return _PLAYED.get(info.format)


class _Limited(io.BytesIO):
    """Bytes in memory that end in _Full when there are too many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def is_full(self) -> bool:
        return self.getbuffer().nbytes > self.most


def _write_copy(recording: Path, file: BinaryIO) -> bool:
    """Mono FLAC of 16 bits at 16 kHz, what the recogniser hears; False once `file` is full."""
    import soundfile

    kind: dict[str, Any] = {"format": "FLAC", "subtype": "PCM_16"}
    with soundfile.SoundFile(file, "w", SAMPLE_RATE, 1, **kind) as out:
        for block in AudioReader(recording).blocks():
            out.write(block.clamp(-1, 1).numpy())
            if isinstance(file, _Limited) and file.is_full():
                return False
    return not (isinstance(file, _Limited) and file.is_full())
