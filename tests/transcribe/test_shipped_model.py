"""What only a trained model shows, on speech of the dev split; skipped without either."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import pytest
import soundfile
import torch

from las_cli import Transcriber
from las_cli.audio.files import read_audio
from las_cli.audio.resampling import resample
from las_cli.hub import shipped_models
from las_cli.scoring import letter_error_rate

RATE = 16_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def transcriber() -> Transcriber:
    name = os.environ.get("LAS_TEST_MODEL", "en")
    if name == "en" and name not in shipped_models():
        pytest.skip("models/en is not in this copy")
    search = os.environ.get("LAS_TEST_SEARCH", "greedy")
    return Transcriber.load(name, device="cpu", search=search, beam=1, precision="float32")


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> list[Path]:
    """Dev clips of 3 to 15 s, in an order that is always the same."""
    folder = shared_data / "english"
    with (folder / "dev.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    paths = [folder / "clips" / row["path"] for row in rows if 3 <= float(row["duration_s"]) <= 15]
    random.Random(5).shuffle(paths)
    return paths


def test_every_utterance_of_ten_minutes_is_found(
    transcriber: Transcriber, clips: list[Path], tmp_path: Path
) -> None:
    """Utterances with known pauses of 1 to 3 s: words within 0.3 s of where they were put."""
    pauses = random.Random(6)
    noise = torch.Generator().manual_seed(7)
    parts, spans, alone, at = [], [], [], 0.0
    for clip in clips:
        if at > 600:
            break
        gap = pauses.uniform(1, 3)
        sound = read_audio(clip)
        parts += [torch.randn(round(gap * RATE), generator=noise) * 1e-4, sound]
        start = at + round(gap * RATE) / RATE
        at = start + sound.numel() / RATE
        spans.append((start, at))
        alone.append(transcriber.transcribe(clip).text)
    soundfile.write(tmp_path / "long.flac", torch.cat(parts).numpy(), RATE)
    transcript = transcriber.transcribe(tmp_path / "long.flac")
    assert transcript.duration == pytest.approx(at, abs=0.01)
    words = [word for segment in transcript.segments for word in segment.words]
    found = [
        " ".join(word.text for word in words if start - 0.3 <= word.start and word.end <= end + 0.3)
        for start, end in spans
    ]
    assert sum(len(text.split()) for text in found) == len(words)  # none lies in a pause
    assert all(found)
    # Cut at other places than the clip's own ends, an utterance is heard a little differently.
    assert letter_error_rate(alone, found) < 0.15


@pytest.fixture(scope="module")
def plain(transcriber: Transcriber, clips: list[Path]) -> list[tuple[torch.Tensor, str]]:
    """Sound and words of some clips."""
    sounds = [read_audio(clip) for clip in clips[:15]]
    return [(sound, transcriber.transcribe(sound).text) for sound in sounds]


@pytest.mark.parametrize(
    ("variant", "limit"),
    [("wav44", 0.05), ("flac", 0.05), ("ogg", 0.05), ("opus", 0.05), ("mp3", 0.05), ("wav8", 0.5)],
)
def test_the_container_hardly_matters(
    transcriber: Transcriber,
    plain: list[tuple[torch.Tensor, str]],
    tmp_path: Path,
    variant: str,
    limit: float,
) -> None:
    heard = []
    for number, (sound, _) in enumerate(plain):
        path = tmp_path / f"{number}.{variant[:3] if variant.startswith('wav') else variant}"
        rate = {"wav44": 44_100, "wav8": 8_000, "opus": 48_000}.get(variant, RATE)
        samples = resample(sound, RATE, rate).numpy()
        if variant == "wav44":
            samples = samples[:, None].repeat(2, axis=1)
        how = {"format": "OGG", "subtype": "OPUS"} if variant == "opus" else {}
        soundfile.write(path, samples, rate, **how)
        heard.append(transcriber.transcribe(path).text)
    rate_of_change = letter_error_rate([text for _, text in plain], heard)
    print(f"{variant}: {100 * rate_of_change:.2f} % of letters differ")
    assert rate_of_change <= limit


def test_quiet_recordings_are_heard_as_well_as_loud_ones(
    transcriber: Transcriber, clips: list[Path]
) -> None:
    """All at -50 dBFS and in one long recording, where the VAD has to find them."""
    parts: list[torch.Tensor] = []
    for clip in clips[:6]:
        parts += [torch.zeros(RATE), read_audio(clip)]
    sound = torch.cat(parts)
    loud = sound * (0.05 / float(sound.square().mean().sqrt()))
    texts = []
    for level in (1.0, 10 ** (-24 / 20)):  # -26 and -50 dBFS, as 16 bits hold it
        pcm = (loud * level).clamp(-1, 1).mul(32767).round().to(torch.int16)
        texts.append(transcriber.transcribe(pcm).text)
    assert letter_error_rate(texts[:1], texts[1:]) <= 0.08


def test_no_vad_gives_nearly_the_same_words(transcriber: Transcriber, clips: list[Path]) -> None:
    import dataclasses

    parts: list[torch.Tensor] = []
    for clip in clips[:8]:
        parts += [torch.zeros(RATE), read_audio(clip)]
    sound = torch.cat(parts)
    without = Transcriber(
        transcriber.loaded,
        transcriber.options,
        dataclasses.replace(transcriber.segmentation, vad=False),
    )
    rate = letter_error_rate([transcriber.transcribe(sound).text], [without.transcribe(sound).text])
    assert rate <= 0.25  # a piece of several speakers is normalised as one
