"""Recording until a pause, until Enter, and what is said where there is no microphone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from las_cli.audio.microphone import BLOCK, MicrophoneSource, stop_on_enter
from las_cli.errors import LasError


class LoudIsSpeech:
    """Stands in for silero."""

    def push(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.tensor([1.0 if float(samples.abs().max()) > 0.1 else 0.0])


class Stream:
    """Stands in for sounddevice.InputStream: plays levels to the callback, then silence."""

    levels: list[float] = []

    def __init__(self, callback: Any, blocksize: int, **_: Any) -> None:
        self._callback, self._ended = callback, threading.Event()
        self._thread = threading.Thread(target=self._play, args=(blocksize,), daemon=True)

    def _play(self, blocksize: int) -> None:
        levels: Iterator[float] = iter(self.levels)
        while not self._ended.wait(0.001):
            block = np.full((blocksize, 1), next(levels, 0.0), dtype=np.float32)
            self._callback(block, blocksize, None, None)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> type[Stream]:
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(InputStream=Stream))
    monkeypatch.setattr("las_cli.audio.voice_activity.VoiceActivity", LoudIsSpeech)
    return Stream


def test_a_pause_after_speech_ends_it(sounddevice: type[Stream]) -> None:
    sounddevice.levels = [0.0] * 7 + [0.5] * 10
    sound = torch.cat(list(MicrophoneSource(pause=0.5).blocks()))
    assert sound.numel() == (7 + 10 + 5) * BLOCK
    assert float(sound[8 * BLOCK]) == 0.5


def test_patience_ends_without_speech(sounddevice: type[Stream]) -> None:
    sounddevice.levels = []
    sound = torch.cat(list(MicrophoneSource(patience=1.0).blocks()))
    assert sound.numel() == 10 * BLOCK


def test_enter_ends_it(sounddevice: type[Stream]) -> None:
    sounddevice.levels = [0.5] * 100_000
    source = MicrophoneSource()
    pressed = threading.Event()
    stop_on_enter(source, pressed.wait)
    count = 0
    for _ in source.blocks():
        count += 1
        if count == 3:
            pressed.set()
    assert count >= 3


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(LasError, match=r"pip install 'las-cli\[microphone\]'"):
        MicrophoneSource()


def test_without_a_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("Error querying device -1")

    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(InputStream=refuse))
    with pytest.raises(LasError, match="cannot be opened .*querying device"):
        list(MicrophoneSource().blocks())
