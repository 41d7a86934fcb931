"""What only a trained model shows, on speech of the dev split; skipped without either."""

from __future__ import annotations

import csv
import os
import random
import re
import statistics
from pathlib import Path

import pytest
import soundfile
import torch

from las_cli import Transcriber
from las_cli.audio.reader import read_audio
from las_cli.audio.resampling import resample
from las_cli.audio.voice_activity import FRAME, loudness
from las_cli.decoding.forced_alignment import align_ctc, place_words
from las_cli.decoding.heard import listen
from las_cli.decoding.options import DecodingOptions
from las_cli.scoring import letter_error_rate
from las_cli.sharing.find import shipped_models

RATE = 16_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def transcriber() -> Transcriber:
    name = os.environ.get("LAS_TEST_MODEL", "en")
    if name == "en" and name not in shipped_models():
        pytest.skip("models/en is not in this copy")
    search = os.environ.get("LAS_TEST_SEARCH", "beam")
    beam = 8 if search == "beam" else 1
    return Transcriber.load(name, device="cpu", search=search, beam=beam)


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
def single_words(shared_data: Path) -> list[tuple[str, torch.Tensor]]:
    """Words that were recorded alone, cut to where they are loud."""
    folder = shared_data / "english"
    with (folder / "train.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = []
    for row in rows:
        if re.fullmatch("[A-Za-z]+", row["sentence"]):
            sound = read_audio(folder / "clips" / row["path"])
            levels = loudness(sound)
            loud = (levels > levels.max() - 30).nonzero()
            sound = sound[int(loud[0]) * FRAME : (int(loud[-1]) + 1) * FRAME]
            found.append((row["sentence"].lower(), sound))
    if len(found) < 5:
        pytest.skip("no words recorded alone")
    return found


def test_word_times_of_joined_single_words(
    transcriber: Transcriber, single_words: list[tuple[str, torch.Tensor]]
) -> None:
    """The alignment puts most words where they were put: within 0.3 s, the median within 0.2 s.

    Several speakers in one utterance are normalised as one, so a word or two may lie further off.
    """
    model, alphabet = transcriber.recogniser.loaded.model, transcriber.recogniser.loaded.alphabet
    pause = torch.randn(round(0.6 * RATE), generator=torch.Generator().manual_seed(8)) * 1e-4
    parts, spans, at = [pause], [], pause.numel()
    for _, sound in single_words:
        parts += [sound / sound.abs().max() * 0.5, pause]
        spans.append((at / RATE, (at + sound.numel()) / RATE))
        at += sound.numel() + pause.numel()
    waveform = torch.cat(parts)
    heard = listen(model, waveform[None], torch.tensor([waveform.numel()]), "float32")
    assert heard.log_probs is not None
    units = alphabet.encode(" ".join(word for word, _ in single_words))
    letters = align_ctc(heard.log_probs[0], units)
    assert letters is not None
    words = place_words(units, letters, alphabet, model.config.step_seconds, at / RATE)
    off = [
        max(abs(word.start - start), abs(word.end - end))
        for word, (start, end) in zip(words, spans, strict=True)
    ]
    print("; ".join(f"{word.text} {by:.2f} s" for word, by in zip(words, off, strict=True)))
    assert sum(by < 0.3 for by in off) >= 0.6 * len(off)
    assert statistics.median(off) < 0.2


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
        transcriber.recogniser,
        dataclasses.replace(transcriber.segmentation, vad=False),
    )
    rate = letter_error_rate([transcriber.transcribe(sound).text], [without.transcribe(sound).text])
    assert rate <= 0.25  # a piece of several speakers is normalised as one


def test_float16_weights_on_disk_cost_no_words(shared_data: Path, tmp_path: Path) -> None:
    """The mean of a run's checkpoints, stored in either precision: WER within 0.2 points."""
    from las_cli.corpus import load_corpus
    from las_cli.evaluation.decode_split import decode_split
    from las_cli.recogniser import Recogniser
    from las_cli.scoring import score_pairs
    from las_cli.sharing.find import load_model
    from las_cli.training.checkpoint_mean import average_checkpoints

    run = Path(os.environ.get("LAS_TEST_RUN", Path(__file__).parents[2] / "runs" / "en"))
    if not (run / "checkpoints").is_dir():
        pytest.skip(f"no run at {run}")
    cuts = list(load_corpus(shared_data / "english").cuts("dev"))
    rates = []
    for half in (False, True):
        average_checkpoints(run, tmp_path / str(half), half=half)
        options = DecodingOptions(search="greedy", lm_weight=0.0, precision="float32")
        averaged = load_model(str(tmp_path / str(half)), "cpu")
        decoded = decode_split(Recogniser.of(averaged, options), cuts)
        rates.append(score_pairs(decoded.references, decoded.hypotheses).words.rate)
    print(f"WER: float32 {100 * rates[0]:.2f} %, float16 {100 * rates[1]:.2f} %")
    assert abs(rates[1] - rates[0]) <= 0.002
