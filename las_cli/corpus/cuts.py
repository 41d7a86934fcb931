"""Utterances and audio headers in, lhotse cuts out; and how lhotse reads their sound."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from las_cli.corpus.headers import AudioHeader
from las_cli.corpus.utterance import Utterance

if TYPE_CHECKING:
    from lhotse.cut import Cut


def use_soundfile() -> None:
    """Make lhotse read every sound file through soundfile, here and in DataLoader workers.

    By default lhotse 1.33 tries soundfile first and on failure torchcodec, torchaudio and
    audioread, whose messages then hide what soundfile found. The environment variable reaches
    workers that are spawned, the setting itself those that are forked.
    """
    from lhotse.audio.backend import set_current_audio_backend

    os.environ["LHOTSE_AUDIO_BACKEND"] = "LibsndfileBackend"
    set_current_audio_backend("LibsndfileBackend")


def make_cut(utterance: Utterance, header: AudioHeader) -> Cut:
    """The cut of one utterance: the recording as its header describes it, one supervision.

    A file of several channels becomes a MultiCut; mix its channels down after loading
    (`AudioSamples(mono_downmix=True)` does).
    """
    from lhotse import AudioSource, Recording, SupervisionSegment
    from lhotse.cut import MonoCut, MultiCut

    channels = list(range(header.channels))
    recording = Recording(
        id=utterance.id,
        sources=[AudioSource(type="file", channels=channels, source=utterance.audio)],
        sampling_rate=header.sampling_rate,
        num_samples=header.frames,
        duration=header.seconds,
    )
    start = min(utterance.start, header.seconds)
    seconds = header.seconds - start
    if utterance.seconds is not None:
        seconds = min(seconds, utterance.seconds)
    channel = 0 if header.channels == 1 else channels
    supervision = SupervisionSegment(
        id=utterance.id,
        recording_id=utterance.id,
        start=0.0,
        duration=seconds,
        channel=channel,
        text=utterance.text,
        language=utterance.language,
        speaker=utterance.speaker,
        gender=utterance.gender,
        custom=dict(utterance.custom) or None,
    )
    kind = MonoCut if header.channels == 1 else MultiCut
    return kind(
        id=utterance.id,
        start=start,
        duration=seconds,
        channel=channel,
        supervisions=[supervision],
        recording=recording,
    )
