"""The Python API: files and waveforms in, transcripts with times of the whole file out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from las_cli import Transcriber
from las_cli.audio.reader import NOT_FINITE, TRUNCATED, read_audio
from las_cli.audio.segmentation import Piece, SegmentationOptions
from las_cli.audio.sources import PCMSource
from las_cli.decoding.hotword_tree import HotwordTree
from las_cli.decoding.hotwords import read_hotwords
from las_cli.decoding.hypothesis import Hypothesis, UtteranceWord
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError, UsageError
from las_cli.recogniser import Recogniser
from las_cli.text import Alphabet
from las_cli.transcribe.doubt import NO_SPEECH
from las_cli.transcribe.transcriber import Finished, Recognised, _segment
from las_cli.transcript import Word

Writer = Callable[..., Path]
RATE = 16_000


class Loudest:
    """A stand-in for the search: writes one word a piece, over its loudest tenth of a second."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(
        self,
        _: object,
        waveforms: torch.Tensor,
        lengths: torch.Tensor,
    ) -> list[list[Hypothesis]]:
        self.batches.append(len(waveforms))
        results = []
        for waveform, length in zip(waveforms, lengths.tolist(), strict=True):
            frames = waveform[: length // 1600 * 1600].view(-1, 1600).square().mean(1)
            at = int(frames.argmax()) / 10 if len(frames) else 0.0
            word = Word(f"w{length}", at, at + 0.1, 0.5)
            results.append(
                [
                    Hypothesis((2,), word.text, -1.0, {}, (), 0.5, (word,)),
                    Hypothesis((3,), "other", -2.0, {}),
                ]
            )
        return results


@pytest.fixture(scope="module")
def tiny(tiny_model: Path) -> Transcriber:
    return Transcriber.load(str(tiny_model), device="cpu", search="greedy", keep_doubtful=True)


@pytest.fixture
def loudest(tiny: Transcriber) -> Transcriber:
    options = SegmentationOptions(vad=False)
    return Transcriber(tiny.recogniser, options, decode=Loudest())


def clicks(places: list[float], seconds: float) -> torch.Tensor:
    sound = torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(0)) * 0.001
    for place in places:
        sound[round(place * RATE) : round((place + 0.1) * RATE)] += 0.5
    return sound


def test_a_real_model_writes_something(
    tiny: Transcriber, tmp_path: Path, write_noise: Writer
) -> None:
    path = write_noise(tmp_path / "a.wav", 1.5, 44_100)
    transcript = tiny.transcribe(path)
    assert transcript.source == str(path) and transcript.model == "tiny"
    assert transcript.duration == pytest.approx(1.5)
    assert transcript.text
    for segment in transcript.segments:
        assert 0 <= segment.start <= segment.end <= 1.5
        assert " ".join(word.text for word in segment.words) == segment.text
        assert all(segment.start <= word.start <= word.end <= segment.end for word in segment.words)


def test_waveforms_and_files_give_the_same(
    tiny: Transcriber, tmp_path: Path, write_noise: Writer
) -> None:
    path = write_noise(tmp_path / "a.wav")
    sound = read_audio(path)
    expected = tiny.transcribe(path).segments
    pcm = (sound * 32768).to(torch.int16)
    for waveform in (sound, sound.numpy(), sound.double(), torch.stack([sound, sound]), pcm):
        assert tiny.transcribe(waveform).segments == expected
    assert list(tiny.stream(path)) == list(expected)


def test_threads_do_not_disturb_each_other(
    tiny: Transcriber, tmp_path: Path, write_noise: Writer
) -> None:
    paths = [write_noise(tmp_path / f"{seed}.wav", 0.6 + seed / 10, seed=seed) for seed in range(6)]
    alone = [tiny.transcribe(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tiny.transcribe, paths * 3)) == alone * 3


def test_company_in_a_batch_changes_nothing(
    tiny: Transcriber, tmp_path: Path, write_noise: Writer
) -> None:
    paths = [write_noise(tmp_path / f"{seed}.wav", 0.5 + seed / 7, seed=seed) for seed in range(7)]
    alone = [tiny.transcribe(path).text for path in paths]
    together = [
        event.transcript.text
        for event in tiny.follow(paths)
        if isinstance(event, Finished) and event.transcript is not None
    ]
    assert together == alone


def test_times_are_of_the_whole_recording(loudest: Transcriber) -> None:
    places = [3.0, 25.0, 41.0, 66.0]
    transcript = loudest.transcribe(clicks(places, 70.0))
    starts = [word.start for segment in transcript.segments for word in segment.words]
    for place in places:
        assert min(abs(start - place) for start in starts) < 0.11
    assert transcript.duration == 70.0
    assert all(segment.confidence == 0.5 for segment in transcript.segments)


def test_alternatives_only_where_asked_for(tiny: Transcriber) -> None:
    sound = clicks([0.5], 1.0)
    assert tiny.transcribe(sound).segments[0].alternatives == ()
    recogniser = Recogniser.of(tiny.recogniser.loaded, DecodingOptions(nbest=2))
    several = Transcriber(recogniser, decode=Loudest(), keep_doubtful=True).transcribe(sound)
    assert [other.text for other in several.segments[0].alternatives] == ["w16000", "other"]


def test_first_batches_are_small_and_live_ones_stay_so(loudest: Transcriber) -> None:
    sound = clicks([], 400.0)
    list(loudest.follow([sound]))
    decoder = loudest._decode
    assert isinstance(decoder, Loudest)
    assert decoder.batches[:4] == [1, 2, 4, 8] and max(decoder.batches) == 8
    decoder.batches.clear()
    list(loudest.follow([sound], live=True))
    assert set(decoder.batches) == {1}


def test_errors_stay_with_their_recording(
    loudest: Transcriber, tmp_path: Path, write_noise: Writer
) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    inputs = [
        write_noise(tmp_path / "a.wav"),
        tmp_path / "missing.wav",
        tmp_path / "empty.wav",
        write_noise(tmp_path / "b.wav", 2.0),
        torch.zeros(RATE),
    ]
    finished = [event for event in loudest.follow(inputs) if isinstance(event, Finished)]
    assert [event.place for event in finished] == [0, 1, 2, 3, 4]
    assert [event.error is None for event in finished] == [True, False, False, True, True]
    assert "no such file" in str(finished[1].error)
    silent = finished[4].transcript
    assert silent is not None and silent.segments == () and silent.duration == 1.0
    with pytest.raises(LasError, match="is empty"):
        loudest.transcribe(tmp_path / "empty.wav")
    with pytest.raises(LasError, match="is empty"):
        list(loudest.stream(tmp_path / "empty.wav"))


def test_flags_of_the_file_are_told(
    loudest: Transcriber, tmp_path: Path, write_noise: Writer
) -> None:
    path = write_noise(tmp_path / "a.wav", 2.0)
    path.write_bytes(path.read_bytes()[:40_000])
    cut_off = loudest.transcribe(path)
    assert cut_off.flags == (TRUNCATED,) and cut_off.text and cut_off.is_incomplete
    (lost,) = cut_off.missing
    assert lost.flag == TRUNCATED and abs(lost.start + lost.duration - 2) < 0.01
    unknown = loudest.transcribe(torch.full((RATE,), float("nan")))
    assert unknown.flags == (NOT_FINITE, NO_SPEECH)
    assert unknown.segments == () and unknown.duration == 1.0


@pytest.mark.parametrize(
    ("waveform", "rate", "message"),
    [
        (torch.zeros(2, 3, 4), RATE, "shape"),
        (torch.zeros(9, dtype=torch.bool), RATE, "type"),
        (np.zeros(9, dtype=np.complex64), RATE, "type"),
        (torch.zeros(9), 0, "sample rate 0"),
    ],
)
def test_waveforms_are_checked(
    loudest: Transcriber, waveform: torch.Tensor, rate: int, message: str
) -> None:
    with pytest.raises(LasError, match=message):
        loudest.transcribe(waveform, sample_rate=rate)


def test_raw_pcm(loudest: Transcriber, tmp_path: Path) -> None:
    (tmp_path / "pcm").write_bytes((clicks([0.5], 1.0) * 20_000).to(torch.int16).numpy().tobytes())
    with (tmp_path / "pcm").open("rb") as stream:
        transcript = loudest.transcribe(PCMSource(stream, RATE))
        assert transcript.segments[0].words[0].start == pytest.approx(0.5)
        with pytest.raises(LasError, match="no samples"):
            loudest.transcribe(PCMSource(stream, RATE))
        with pytest.raises(UsageError, match="raw rate of 0"):
            PCMSource(stream, 0)


def test_a_recording_is_followed_as_it_goes(loudest: Transcriber) -> None:
    events = list(loudest.follow([clicks([], 50.0)]))
    done = [event.seconds for event in events if isinstance(event, Recognised)]
    assert done == sorted(done) and done[-1] == pytest.approx(50.0)
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nbest": 10}, "no such model"),
        ({"nbest": 10, "search": "ctc"}, "no such model"),
        ({"nbest": 101}, "nbest 101: choose 1 to 100"),
        ({"nbest": 4, "beam": 3}, "a beam of 3 holds no more than 3; raise the beam to 4"),
        ({"nbest": 2, "search": "greedy"}, "greedy gives one reading; use beam"),
    ],
)
def test_nbest_waits_for_the_beam_of_the_model(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LasError, match=message):
        Transcriber.load("/no/such/model", **options)


def test_nbest_is_held_against_the_beam_of_the_model(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "wide"))
    config = json.loads((folder / "config.json").read_text())
    config["decoding"]["beam"] = 12
    (folder / "config.json").write_text(json.dumps(config))
    assert Transcriber.load(str(folder), "cpu", nbest=10).recogniser.options.nbest == 10
    with pytest.raises(UsageError, match="a beam of 12 holds no more than 12"):
        Transcriber.load(str(folder), "cpu", nbest=13)


def test_wrong_options_are_refused_before_the_model_is_loaded() -> None:
    with pytest.raises(UsageError, match="beam 0"):
        Transcriber.load("en", beam=0)
    with pytest.raises(LasError, match="no such model"):
        Transcriber.load("/no/such/model")


def test_words_end_with_their_piece_though_the_listener_heard_padding() -> None:
    words = (UtteranceWord("ab", 0.1, 0.4, 0.9), UtteranceWord("c", 0.5, 1.04, 0.9))
    best = Hypothesis((2, 3), "ab c", -1.0, {}, words=words)
    piece = Piece(2.0, torch.zeros(16_000))
    segment = _segment(piece, [best], nbest=1)
    assert segment is not None and (segment.start, segment.end) == (2.1, 3.0)
    assert [(word.start, word.end) for word in segment.words] == [(2.1, 2.4), (2.5, 3.0)]
    assert segment.hotwords == ()
    tree = HotwordTree(read_hotwords("c, ab d"), Alphabet(" abcd"))
    found = _segment(piece, [best], 1, hotwords=tree)
    assert found is not None and found.hotwords == ("c",)
