"""What models/en/make_speech.py lets speakers say, and where; no engine of speech is needed."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from las_cli.corpus import load_corpus

SCRIPT = Path(__file__).parents[2] / "models" / "en" / "make_speech.py"


@pytest.fixture(scope="module")
def speech() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_speech", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_speech"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("‘Well,’ said Mrs. Brown - ‘it was _he_.’", "'Well,' said Missus Brown — 'it was he.'"),
        ("Mr Pickwick and Dr. Slammer met at St. Ives.",)
        + ("Mister Pickwick and Doctor Slammer met at Saint Ives.",),
        ("O Tom, I saw a cat.", "O Tom, I saw a cat."),
        ("He thought of Mrs.", None),
        ("He owed 5 pounds.", None),
        ("Mr. B— was out.", None),
        ("Ask J. Brown.", None),
        ("THE END of it", None),
        ("Henry VIII was king.", None),
        ("At nine a.m. it rained.", None),
        ("Tea, milk, etc. were there.", None),
        ("A café & a bar", None),
        ("spell it b a t", None),
    ],
)
def test_only_lines_that_are_said_as_they_are_written(
    speech: ModuleType, line: str, expected: str | None
) -> None:
    assert speech.written(line) == expected


@pytest.mark.parametrize(
    ("line", "sense"),
    [
        ("So we need a smaller button.", True),
        ("Um I think we need a smaller button.", True),
        ("Yeah, okay, right.", False),
        ("Um so uh we need that.", False),
        ("Mm-hmm, that is good.", False),
        ("Yes please.", False),
        ("the the the thing is", False),
    ],
)
def test_turns_of_talk_that_make_sense(speech: ModuleType, line: str, sense: bool) -> None:
    assert speech.makes_sense(line) is sense


def test_long_sentences_are_split_at_clauses_and_nothing_is_lost(speech: ModuleType) -> None:
    text = ", ".join(["one two three four five six seven eight nine"] * 8) + "."
    parts = list(speech.pieces(text))
    assert [len(part.split()) for part in parts] == [36, 36]
    assert " ".join(parts) == text


def test_the_label_does_not_hold_the_pauses(speech: ModuleType) -> None:
    text = "when i came in he was there and she was not but i'd seen him before and i went out"
    assert speech.to_say(text, False, np.random.default_rng(0)) == (
        "when I came in he was there and she was not but I'd seen him before and I went out"
    )
    said = [speech.to_say(text, True, np.random.default_rng(seed)) for seed in range(5)]
    assert len(set(said)) > 3
    assert {speech.letters(one) for one in said} == {text}


def test_random_numbers_hang_on_seed_and_clip_alone(speech: ModuleType) -> None:
    one, again, other, seed = (
        speech.draw_of(*args).random() for args in ((1, "a"), (1, "a"), (1, "b"), (2, "a"))
    )
    assert one == again
    assert len({one, other, seed}) == 3


def test_edges_and_level(speech: ModuleType) -> None:
    tone = np.sin(np.arange(16000) * 0.3).astype(np.float32)
    sound = speech.finished(np.pad(tone, 8000), np.random.default_rng(1))
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    assert 800 <= loud[0] <= 4800 and 800 <= len(sound) - loud[-1] <= 4960
    level = 20 * np.log10(np.sqrt((sound[loud[0] : loud[-1]] ** 2).mean()))
    assert -30.2 < level < -14.8
    assert np.abs(sound).max() <= 0.96


@pytest.mark.parametrize("tract", [0.8, 1.0, 1.15])
def test_a_shorter_tract_moves_formants_up(speech: ModuleType, tract: float) -> None:
    taken = speech.warped_bins(tract)
    assert taken[0] == 0 and len(taken) == 401
    assert taken[200] == pytest.approx(200 / tract)  # what was at 200 / tract is now at 200
    assert (np.diff(taken) > 0).all() and taken[-1] <= 600


def test_pulses_are_a_sum_of_cosines(speech: ModuleType) -> None:
    sound = speech.pulses(np.full(80, 500.0, np.float32))
    spectrum = np.abs(np.fft.rfft(sound)) / (len(sound) / 2)
    assert spectrum[[500, 1000, 7500]] == pytest.approx([1, 1, 1], abs=0.02)
    assert spectrum[[250, 750, 8000]] == pytest.approx([0, 0, 0], abs=0.02)
    assert not speech.pulses(np.zeros(10, np.float32)).any()


def test_a_corpus_that_is_made_again_goes_on(
    speech: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    with gzip.open(texts / "spoken.txt.gz", "wt", encoding="utf-8") as file:
        for number in ("two", "three", "nine", "two"):
            file.write(f"please bring {number} red apples\n")
    monkeypatch.setattr(speech, "SOURCES", {"spoken": speech.SOURCES["spoken"]})
    guard = tmp_path / "check.py"
    guard.write_text("def touches(text):\n    return 'nine' in text\n", encoding="utf-8")
    output = tmp_path / "made"
    output.mkdir()
    clips = speech.plan(output, texts, guard, "hibari", 1, 1)
    assert sorted(clip.text for clip in clips) == [
        "please bring three red apples",
        "please bring two red apples",
    ]
    assert speech.plan(output, texts, None, "hibari", 1, 1) == clips  # kept in plan.tsv

    said: list[str] = []

    def engine(text: str, draw: np.random.Generator) -> tuple[np.ndarray, str]:
        said.append(text)
        return draw.standard_normal(24_000, np.float32), ""

    monkeypatch.setattr(speech, "engine_of", lambda name, voices: engine)
    for _ in range(2):
        run = CliRunner().invoke(speech.main, [str(texts), str(output), "--jobs", "1"])
        assert run.exit_code == 0, run.output
    assert len(said) == 2
    corpus = load_corpus(output)
    assert corpus.kind == "Common Voice"
    texts_read = [text for split in corpus.splits for text in corpus.texts(split)]
    assert sorted(texts_read) == sorted(clip.text for clip in clips)
    info = soundfile.info(output / "clips" / clips[0].path)
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    about = json.loads((output / "README.json").read_text(encoding="utf-8"))
    assert (about["clips"], about["skipped"], about["sources"]["spoken"]["clips"]) == (2, 0, 2)
