"""Cutting recordings: at pauses, within 20 s, nothing heard twice, in bounded memory."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from las_cli.audio.reader import read_audio
from las_cli.audio.segmentation import Piece, SegmentationOptions, segment
from las_cli.audio.voice_activity import FRAME, LevelTracker, VoiceActivity, loudness
from las_cli.errors import LasError

RATE = 16_000


class LoudIsSpeech:
    """Stands in for silero, which does not take generated sound for speech: loud is speech."""

    def __init__(self) -> None:
        self._rest = torch.zeros(0)

    def push(self, samples: torch.Tensor) -> torch.Tensor:
        samples = torch.cat([self._rest, samples])
        count = samples.numel() // FRAME
        self._rest = samples[count * FRAME :]
        return (loudness(samples[: count * FRAME]) > -75).float()

    def finish(self) -> torch.Tensor:
        return (loudness(self._rest) > -75).float()


@pytest.fixture
def loud_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("las_cli.audio.segmentation.VoiceActivity", LoudIsSpeech)


def buzz(seconds: float, seed: int = 0) -> torch.Tensor:
    """Noise that rises and falls like syllables, about -25 dB."""
    count = round(seconds * RATE)
    noise = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    return 0.05 * noise * (1.1 + torch.sin(2 * math.pi * 4 * torch.arange(count) / RATE))


def joined(pieces: list[Piece]) -> torch.Tensor:
    return torch.cat([piece.samples for piece in pieces])


def check_order(pieces: list[Piece], longest: float) -> None:
    for piece in pieces:
        assert piece.samples.numel() <= longest * RATE + FRAME
    for before, after in zip(pieces, pieces[1:], strict=False):
        assert after.start >= before.end - 1e-6


def test_short_clips_are_one_piece_and_silence_is_none() -> None:
    sound = buzz(3.0)
    (piece,) = segment([sound[:9_999], sound[9_999:]])
    assert piece.start == 0 and torch.equal(piece.samples, sound)
    assert list(segment([torch.zeros(30 * RATE)])) == []
    assert list(segment([torch.zeros(0)])) == []
    assert list(segment([])) == []


@pytest.mark.usefixtures("loud_is_speech")
def test_short_clips_tell_whether_there_was_speech() -> None:
    quiet = torch.randn(3 * RATE, generator=torch.Generator().manual_seed(2)) * 1e-4
    click = quiet.clone()
    click[RATE : RATE + FRAME] = 0.1  # shorter than speech is
    spoken = torch.cat([quiet, buzz(0.3), quiet])
    for sound, voiced in ((quiet, False), (click, False), (spoken, True), (buzz(0.5), True)):
        (piece,) = segment([sound])
        assert piece.voiced is voiced and torch.equal(piece.samples, sound)
    (piece,) = segment([spoken], SegmentationOptions(vad=False))
    assert piece.voiced is None
    pieces = list(segment([torch.cat([buzz(12.0), quiet, buzz(12.0)])]))
    assert [piece.voiced for piece in pieces] == [True, True]
    (piece,) = segment([quiet], SegmentationOptions(live=True))
    assert piece.voiced is False


def test_short_clips_need_no_silero(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise LasError("silero-vad is not installed")

    monkeypatch.setattr("las_cli.audio.segmentation.VoiceActivity", missing)
    (piece,) = segment([buzz(1.0)])
    assert piece.voiced is None


@pytest.mark.parametrize("block", [1_000, 160_000, 10**9])
def test_without_vad_nothing_is_lost(block: int) -> None:
    sound = torch.randn(65 * RATE, generator=torch.Generator().manual_seed(1)) * 0.1
    for pause in (15.0, 27.5, 45.0):
        sound[round(pause * RATE) : round((pause + 0.3) * RATE)] *= 0.01
    pieces = list(segment(sound.split(min(block, sound.numel())), SegmentationOptions(vad=False)))
    check_order(pieces, 20.0)
    assert torch.equal(joined(pieces), sound)
    for pause in (15.0, 27.5, 45.0):
        assert any(pause < piece.start < pause + 0.3 for piece in pieces)


@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_plain_pauses_are_cut_by_loudness_too(gain: float) -> None:
    sound = torch.randn(20 * RATE, generator=torch.Generator().manual_seed(3)) * 0.1
    for pause in (1.0, 6.0, 12.0):  # the first is too early to be worth a piece
        sound[round(pause * RATE) : round((pause + 0.6) * RATE)] *= 0.001
    sound *= gain
    pieces = list(segment(sound.split(5_000), SegmentationOptions(vad=False, short_clip=0.0)))
    assert torch.equal(joined(pieces), sound)
    starts = [piece.start for piece in pieces]
    assert len(starts) == 3
    assert 6.0 < starts[1] < 6.6 and 12.0 < starts[2] < 12.6


@pytest.mark.usefixtures("loud_is_speech")
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_pauses_end_pieces_loud_or_quiet(gain: float) -> None:
    spoken = [(1.0, 4.0), (6.0, 12.0), (15.0, 19.0), (23.0, 26.0)]
    sound = torch.randn(30 * RATE, generator=torch.Generator().manual_seed(2)) * 1e-5
    for start, end in spoken:
        sound[round(start * RATE) : round(end * RATE)] += buzz(end - start)
    pieces = list(segment((sound * gain).split(50_000)))
    check_order(pieces, 20.0)
    assert len(pieces) == len(spoken)
    for piece, (start, end) in zip(pieces, spoken, strict=True):
        assert abs(piece.start + 0.2 - start) < 0.35 and abs(piece.end - 0.2 - end) < 0.35
        begin = round(piece.start * RATE)
        assert torch.equal(piece.samples, (sound * gain)[begin : begin + piece.samples.numel()])


@pytest.mark.usefixtures("loud_is_speech")
def test_live_pieces_come_at_their_pause() -> None:
    sound = torch.cat([buzz(2.0), torch.zeros(RATE), buzz(2.0), torch.zeros(RATE)])
    heard = 0.0

    def blocks() -> Iterator[torch.Tensor]:
        nonlocal heard
        for block in sound.split(1_600):
            heard += 0.1
            yield block

    ends = [(piece.end, heard) for piece in segment(blocks(), SegmentationOptions(live=True))]
    assert len(ends) == 2
    assert all(at - end < 0.5 for end, at in ends)
    faint = torch.full((RATE,), 1e-4)  # no speech in it, but it is all there is
    (piece,) = segment([faint], SegmentationOptions(live=True))
    assert torch.equal(piece.samples, faint)
    assert list(segment([torch.zeros(RATE)], SegmentationOptions(live=True))) == []


@pytest.mark.usefixtures("loud_is_speech")
def test_block_size_does_not_matter() -> None:
    sound = torch.cat([buzz(6.0), torch.zeros(RATE), buzz(30.0), torch.zeros(9_000), buzz(4.0)])
    few = list(segment([sound]))
    many = list(segment(sound.split(160_000)))
    assert [piece.start for piece in few] == [piece.start for piece in many]
    assert torch.equal(joined(few), joined(many))


@pytest.mark.usefixtures("loud_is_speech")
def test_speech_without_pauses_is_cut_within_the_limit() -> None:
    sound = buzz(50.0)
    for longest in (20.0, 7.0):
        pieces = list(segment(sound.split(80_000), SegmentationOptions(longest=longest)))
        check_order(pieces, longest)
        assert len(pieces) >= 50 / longest
        assert sum(piece.samples.numel() for piece in pieces) > 48 * RATE
        for before, after in zip(pieces, pieces[1:], strict=False):
            assert after.start - before.end < 0.3


def test_too_long_speech_is_cut_in_its_longest_pause(loud_is_speech: None) -> None:
    """Pauses of 0.2, 0.42 and 0.2 s, none long enough to end a piece; the second is at 13.2 s."""
    parts: list[torch.Tensor] = []
    for speech, pause in ((11.0, 0.2), (2.0, 0.42), (2.0, 0.2), (12.0, 0.0)):
        parts += [buzz(speech), torch.zeros(round(pause * RATE))]
    pieces = list(segment([torch.cat(parts)], SegmentationOptions(pause=0.5, padding=0.2)))
    assert len(pieces) == 2
    assert pieces[0].end == pytest.approx(13.4, abs=0.05)  # the middle of it
    assert pieces[1].start == pytest.approx(13.4, abs=0.05)
    check_order(pieces, 20.0)


def test_memory_does_not_grow_with_the_recording() -> None:
    def blocks(count: int) -> Iterator[torch.Tensor]:
        for _ in range(count):
            yield torch.rand(RATE) * 0.1

    held = 0
    for vad in (True, False):
        for piece in segment(blocks(90), SegmentationOptions(vad=vad)):
            held = max(held, piece.samples.numel())
    assert held <= 20 * RATE + FRAME
    tracemalloc.start()
    for _ in segment(blocks(90), SegmentationOptions(vad=False)):
        pass
    assert tracemalloc.get_traced_memory()[1] < 1_000_000  # Python's side: no list grows
    tracemalloc.stop()


def test_our_network_equals_the_package_with_the_same_weights() -> None:
    threads = torch.get_num_threads()
    silero_vad = pytest.importorskip("silero_vad.model")
    torch.set_num_threads(threads)  # importing the package sets it to 1
    theirs = silero_vad.load_silero_vad()
    ours = VoiceActivity()
    names = [name for name, _ in ours._network.named_parameters()]
    weights = dict(zip(names, theirs._model.state_dict().values(), strict=True))
    network = type(ours._network)()
    network.load_state_dict(weights)
    ours._network = network.eval()
    ours._levels.gain = lambda samples: 1.0  # type: ignore[method-assign]
    sound = buzz(3.0)
    got = torch.cat([*(ours.push(block) for block in sound.split(7_000)), ours.finish()])
    expected = theirs.audio_forward(sound[None], RATE)[0]
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_levels() -> None:
    assert loudness(torch.zeros(600)).tolist() == [-100.0, -100.0]
    tracker = LevelTracker()
    quiet, loud = torch.randn(RATE) * 1e-3, torch.randn(RATE) * 0.1
    assert 60 < tracker.gain(quiet) < 90
    assert 0.5 < tracker.gain(loud) < 1.0
    assert tracker.gain(quiet) < 1.5  # a pause after loud speech is not blown up
    assert LevelTracker().gain(torch.zeros(RATE)) == 1.0


@pytest.mark.parametrize("decibels", [0, -30])
def test_silero_hears_the_example_loud_and_quiet(decibels: int) -> None:
    examples = sorted((Path(__file__).parents[2] / "examples").glob("*.flac"))
    if not examples:
        pytest.skip("no example clip")
    speech = read_audio(examples[0]) * 10 ** (decibels / 20)
    assert -80 < float(loudness(speech).max()) < 0
    gap = torch.zeros(15 * RATE)
    pieces = list(segment([gap, speech, gap]))
    seconds = speech.numel() / RATE
    heard = sum(piece.samples.numel() for piece in pieces) / RATE
    assert 0.6 * seconds < heard < seconds + 0.3
    assert all(14.8 < piece.start and piece.end < 15.2 + seconds for piece in pieces)


@pytest.mark.slow
def test_real_speech_joined_with_pauses_is_found(shared_data: Path) -> None:
    clips = sorted((shared_data / "english" / "clips").glob("*.opus"))[:40]
    if not clips:
        pytest.skip("no clips")
    parts, spans, at = [], [], 0.0
    for clip in clips:
        sound = read_audio(clip)
        parts += [torch.zeros(RATE), sound]
        spans.append((at + 1.0, at + 1.0 + sound.numel() / RATE))
        at = spans[-1][1]
    pieces = list(segment(torch.cat(parts).split(160_000)))
    for start, end in spans:
        heard = sum(max(0.0, min(end, piece.end) - max(start, piece.start)) for piece in pieces)
        assert heard > 0.5 * (end - start)
