"""Utterances and audio headers in, lhotse cuts out; and how lhotse reads their sound."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.corpus.headers import AudioHeader, lost_sound, what_went_wrong
from las_cli.corpus.utterance import Utterance
from las_cli.errors import LasError

if TYPE_CHECKING:
    import numpy
    from lhotse.cut import Cut
    from torch import Tensor

LOSS = 0.1  # seconds that may lack of a clip that is read through ffmpeg


def spread_cuts(cuts: Sequence[Cut], most: int | None) -> Sequence[Cut]:
    """At most `most` of the cuts, evenly spread over them; None: all."""
    return cuts if most is None else cuts[:: max(1, -(-len(cuts) // most))]


def use_soundfile() -> None:
    """Make lhotse read every sound file through soundfile, here and in DataLoader workers.

    By default lhotse 1.33 tries soundfile first and on failure torchcodec, torchaudio and
    audioread, whose messages then hide what soundfile found. The environment variable reaches
    workers that are spawned, the setting itself those that are forked.
    """
    from lhotse.audio.backend import set_current_audio_backend

    os.environ["LHOTSE_AUDIO_BACKEND"] = "LibsndfileBackend"
    set_current_audio_backend("LibsndfileBackend")


def cut_record(utterance: Utterance, header: AudioHeader) -> dict[str, Any]:
    """The lhotse cut of one utterance as JSON: its recording as the header describes it, and one
    supervision.

    Written out here rather than by lhotse so that `las prepare` need not import torch, and
    because it is ten times as fast. A file of several channels becomes a MultiCut; mix its
    channels down after loading (`AudioSamples(mono_downmix=True)` does).
    """
    if utterance.record is not None:
        return utterance.record
    channels = list(range(header.channels))
    channel: int | list[int] = 0 if header.channels == 1 else channels
    start = min(utterance.start, header.seconds)
    seconds = header.seconds - start
    if utterance.seconds is not None:
        seconds = min(seconds, utterance.seconds)
    supervision: dict[str, Any] = {
        "id": utterance.id,
        "recording_id": utterance.id,
        "start": 0.0,
        "duration": seconds,
        "channel": channel,
        "text": utterance.text,
    }
    for name in ("language", "speaker", "gender"):
        if (value := getattr(utterance, name)) is not None:
            supervision[name] = value
    if utterance.custom:
        supervision["custom"] = dict(utterance.custom)
    return {
        "id": utterance.id,
        "start": start,
        "duration": seconds,
        "channel": channel,
        "supervisions": [supervision],
        "recording": {
            "id": utterance.id,
            "sources": [{"type": "file", "channels": channels, "source": utterance.audio}],
            "sampling_rate": header.sampling_rate,
            "num_samples": header.frames,
            "duration": header.seconds,
            "channel_ids": channels,
        },
        "type": "MonoCut" if header.channels == 1 else "MultiCut",
    }


def make_cut(utterance: Utterance, header: AudioHeader) -> Cut:
    """The cut of one utterance as a lhotse object; see `cut_record`."""
    from lhotse.serialization import deserialize_item

    cut: Cut = deserialize_item(cut_record(utterance, header))
    return cut


def read_cut(cut: Cut, sample_rate: int = SAMPLE_RATE, speed: float = 1.0) -> Tensor:
    """The sound of a cut, channels mixed down, resampled, `speed` times as fast: float32 [S].

    Raises LasError naming the file if it cannot be read, is empty or holds samples that are no
    numbers.
    """
    import torch

    from las_cli.audio.resampling import resample

    waveform = torch.from_numpy(load_sound(cut)).float().mean(0)
    if not waveform.numel():
        raise LasError(f"{_name(cut)}: holds no sound")
    if not torch.isfinite(waveform).all():
        raise LasError(f"{_name(cut)}: holds samples that are not numbers")
    # Played `speed` times as fast is the same samples at another rate (Ko et al. 2015).
    return resample(waveform, round(cut.sampling_rate * speed), sample_rate)


def load_sound(cut: Cut) -> numpy.ndarray:
    """The samples of a cut as lhotse reads them, [C, S]; LasError names the file."""
    try:
        sound: numpy.ndarray = cut.load_audio()
    except Exception as error:  # lhotse and its backends raise many kinds
        slow = _through_reader(cut)
        if slow is not None:
            return slow
        raise LasError(f"{_name(cut)}: cannot be read ({_reason(error, _file(cut))})") from error
    return sound


def _through_reader(cut: Cut) -> numpy.ndarray | None:
    """The sound of a cut as `las transcribe` reads it, [1, S]; None if it is not all there.

    For what libsndfile does not read: m4a, webm, a flac from a pipe (see `headers.read_header`).
    """
    from las_cli.audio.reader import AudioReader

    file, recording = _file(cut), getattr(cut, "recording", None)
    if file is None or recording is None or recording.transforms or len(recording.sources) != 1:
        return None
    try:
        reader = AudioReader(file, cut.sampling_rate, cut.start, cut.duration)
        blocks = [block.numpy() for block in reader.blocks()]
    except (LasError, OSError, RuntimeError, ValueError):
        return None
    got = sum(map(len, blocks)) / cut.sampling_rate
    # Containers count the encoder's padding: a tenth of a second is no loss.
    if lost_sound(reader.flags) or abs(got - cut.duration) > LOSS + 0.01 * cut.duration:
        return None
    import numpy

    wanted = round(cut.duration * cut.sampling_rate)
    sound: numpy.ndarray = numpy.zeros((1, wanted), dtype=numpy.float32)
    heard = numpy.concatenate(blocks)[:wanted]
    sound[0, : len(heard)] = heard
    return sound


def _reason(error: Exception, file: str | None) -> str:
    """What lhotse's backend said first. lhotse raises errors again with words of its own as their
    only argument, and libsndfile's, whose argument is a number, can then not even be printed."""
    import soundfile

    found: BaseException | None = None
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, (soundfile.SoundFileError, OSError)):
            found = one
        one = one.__cause__ or one.__context__
    if found is not None:
        words = what_went_wrong(found, file)
        place = getattr(found, "filename", None)  # a tar of many clips, say
        return f"{words}: {place}" if place is not None and str(place) != file else words
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _name(cut: Cut) -> str:
    """The file of a cut, or its id where its sound is in an archive."""
    return _file(cut) or str(cut.id)


def _file(cut: Cut) -> str | None:
    recording = getattr(cut, "recording", None)
    sources = recording.sources if recording is not None else []
    return str(sources[0].source) if sources and sources[0].type == "file" else None
