"""Nothing said, nothing written: what supports a hypothesis, and what becomes of it without."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from las_cli import Transcriber
from las_cli.audio.segmentation import Piece, SegmentationOptions
from las_cli.decoding.hypothesis import Hypothesis
from las_cli.decoding.support import ctc_support
from las_cli.output import make_writer
from las_cli.transcribe.doubt import NO_SPEECH, is_doubtful
from las_cli.transcribe.transcriber import _segment
from las_cli.transcript import Word

RATE = 16_000
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("confidence", "ctc", "voiced", "doubtful"),
    [
        (0.03, -3.0, True, True),
        (0.03, -3.0, None, True),
        (0.20, -3.0, True, False),  # mumbled, but spoken
        (0.03, -2.0, True, False),
        (0.60, -1.3, False, True),  # a sweep of 1.5 s that was taken for "more"
        (0.75, -1.3, False, False),  # words that are plain to both are no noise
        (0.60, -0.8, False, False),
        (0.03, math.nan, True, True),  # without a CTC head
        (0.50, math.nan, True, False),
        (0.50, -math.inf, False, True),
        (math.nan, math.nan, False, False),
    ],
)
def test_one_of_the_two_is_enough(
    confidence: float, ctc: float, voiced: bool | None, doubtful: bool
) -> None:
    assert is_doubtful(confidence, ctc, voiced) is doubtful


def test_ctc_support_is_that_of_all_paths() -> None:
    """Two steps, letters a (1) and b (2): paths aa, a-, -a spell "a"."""
    p = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    expected = math.log(0.3 * 0.6 + 0.3 * 0.1 + 0.5 * 0.6)
    assert ctc_support((1,), p.log()) == pytest.approx(expected, abs=1e-5)
    assert ctc_support((1, 2), p.log()) == pytest.approx(math.log(0.3 * 0.3) / 2, abs=1e-5)
    assert ctc_support((1, 1), p.log()) == -math.inf  # needs a blank between
    assert math.isnan(ctc_support((), p.log())) and math.isnan(ctc_support((1,), None))


def guess(confidence: float = 0.03, ctc: float = -3.0) -> Hypothesis:
    words = (Word("but", 0.5, 0.8, confidence),)
    return Hypothesis((5, 6), "but", -9.0, {}, (), confidence, words, ctc_support=ctc)  # type: ignore[arg-type]


def test_what_is_doubtful_is_left_out_or_kept_with_its_flag() -> None:
    piece = Piece(3.0, torch.zeros(RATE), False)
    segment = _segment(piece, [guess()], nbest=1)
    assert segment is not None and segment.text == "" and segment.words == ()
    assert segment.flags == (NO_SPEECH,) and (segment.start, segment.end) == (3.0, 4.0)
    kept = _segment(piece, [guess()], nbest=1, keep_doubtful=True)
    assert kept is not None and kept.text == "but" and kept.flags == (NO_SPEECH,)
    sure = _segment(piece, [guess(0.9)], nbest=1)
    assert sure is not None and sure.text == "but" and sure.flags == ()


def test_a_recording_without_words_says_so(tiny_model: Path) -> None:
    def nothing(_: object, waveforms: torch.Tensor, lengths: object) -> list[list[Hypothesis]]:
        return [[guess()] for _ in waveforms]

    options = SegmentationOptions(vad=False)
    recogniser = Transcriber.load(str(tiny_model), "cpu", search="ctc").recogniser
    sound = torch.randn(3 * RATE, generator=torch.Generator().manual_seed(1)) * 0.1
    dropped = Transcriber(recogniser, options, decode=nothing).transcribe(sound)
    assert dropped.text == "" and dropped.flags == (NO_SPEECH,)
    assert [segment.flags for segment in dropped.segments] == [(NO_SPEECH,)]
    for name in ("txt", "srt", "ctm"):
        assert make_writer(name).format(dropped) == ""
    assert json.loads(make_writer("json").format(dropped))["segments"][0]["flags"] == [NO_SPEECH]
    kept = Transcriber(recogniser, options, decode=nothing, keep_doubtful=True).transcribe(sound)
    assert kept.text == "but" and kept.flags == ()
    silent = Transcriber(recogniser, options, decode=nothing).transcribe(torch.zeros(RATE))
    assert silent.flags == (NO_SPEECH,) and silent.segments == ()


def sounds() -> dict[str, torch.Tensor]:
    """Three seconds of what nobody says."""
    time = torch.arange(3 * RATE) / RATE
    noise = torch.randn(3 * RATE, generator=torch.Generator().manual_seed(4))
    tone = torch.sin(2 * math.pi * 440 * time)
    chord = sum(torch.sin(2 * math.pi * hertz * time) for hertz in (262.0, 330.0, 392.0))
    assert isinstance(chord, torch.Tensor)
    return {
        "noise": 0.1 * noise, "tone": 0.5 * tone, "chord": 0.2 * chord, "hiss": 1e-4 * noise,
        "bursts": 0.1 * noise * ((2 * time) % 1 < 0.4),
        "sweep": 0.4 * torch.sin(2 * math.pi * (100 + 700 * time) * time),
    }  # fmt: skip


@pytest.mark.slow
def test_the_shipped_model_writes_nothing_of_noise() -> None:
    clips = sorted(EXAMPLES.glob("*.flac"))
    if not clips:
        pytest.skip("the examples are not in this copy")
    transcriber = Transcriber.load("en", device="cpu", beam=2)
    for name, sound in sounds().items():
        transcript = transcriber.transcribe(sound)
        assert transcript.text == "" and transcript.flags == (NO_SPEECH,), name
    assert all(transcriber.transcribe(clip).text for clip in clips)
