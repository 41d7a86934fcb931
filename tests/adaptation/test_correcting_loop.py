"""The loop as a user goes through it: transcribe, correct two words, adapt, transcribe again."""

from __future__ import annotations

import csv
import difflib
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from click.testing import CliRunner

from las_cli.cli.main import cli
from tests.output.chromium import Browser, chromium
from tests.training.corpora import RATE, sing

NAMES = ("dab", "ced")  # in every sentence
ACCENT = {"d": 1.15}  # of one whose d is nearer to the e of the model's singer than to its d
# This network, which knows few words, has to learn new ones in its speller too.
ADAPT = (
    "--learning-rate", "0.004", "--passes", "12", "--anchor", "20", "--moves", "all",
    "--precision", "float32",
)  # fmt: skip


def las(*arguments: object) -> str:
    """Runs `las ARGUMENTS`, which must end well; what it prints."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def record(path: Path, sentences: int, seed: int) -> list[str]:
    """Writes sentences of the accent, one after another; what they say."""
    draw, hush = random.Random(seed), np.random.default_rng(seed)
    said, sound = [], []
    for _ in range(sentences):
        words = [*NAMES, "".join(draw.choices("abce", k=draw.randint(2, 4)))]
        draw.shuffle(words)
        said.append(" ".join(words))
        pause = 0.001 * hush.standard_normal(RATE // 5).astype("float32")
        sound += [sing(said[-1], accent=ACCENT), pause]
    soundfile.write(path, np.concatenate(sound), RATE)
    return said


def transcribe(recording: Path, model: Path, output: Path) -> list[list[str]]:
    """The words of each segment; the page lies beside."""
    las("transcribe", recording, "--model", model, "--output", output, "--format", "json,html",
        "--device", "cpu", "--no-vad", "--longest", "2", "--keep-doubtful")  # fmt: skip
    segments = json.loads((output / f"{recording.stem}.json").read_text())["segments"]
    return [[word["text"] for word in segment["words"]] for segment in segments]


def corrections(heard: list[str], said: list[str]) -> Iterator[tuple[int, str]]:
    """Places of words and what is to be typed there, nothing to drop the word, the last first."""
    matcher = difflib.SequenceMatcher(None, heard, said, autojunk=False)
    for kind, first, last, from_, to in reversed(matcher.get_opcodes()):
        words = said[from_:to]
        if kind == "insert":  # typed beside a neighbour
            beside = max(first - 1, 0)
            words = [heard[beside], *words] if first else [*words, heard[beside]]
            yield beside, " ".join(words)
        elif kind != "equal":
            for place in reversed(range(first + 1, last)):
                yield place, ""
            yield first, " ".join(words)


def correct(browser: Browser, page: Path, heard: list[list[str]], said: list[str]) -> None:
    """Listens to all of the page and types what was said; what is right is marked as right."""
    browser.open(page)
    assert browser.words() == [word for words in heard for word in words]
    # From behind, so that places before stay what they are.
    starts = np.cumsum([0, *map(len, heard)])[:-1]
    for start, words, sentence in reversed(list(zip(starts, heard, said, strict=True))):
        for place, typed in corrections(words, sentence.split()):
            browser.edit_element(browser.all("main .word")[start + place])
            browser.type(typed)
    assert browser.words() == " ".join(said).split()


def names_heard(heard: list[list[str]]) -> int:
    return sum(words.count(name) for words in heard for name in NAMES)


def test_two_corrected_words_are_right_in_the_next_transcript(singer: Path, tmp_path: Path) -> None:
    said = record(tmp_path / "talk.wav", 40, seed=5)
    heard = transcribe(tmp_path / "talk.wav", singer, tmp_path / "texts")
    assert len(heard) == len(said) and names_heard(heard) <= 20
    with chromium(tmp_path / "downloads") as browser:
        correct(browser, tmp_path / "texts" / "talk.html", heard, said)
        clips = browser.saved("zip", "talk-clips.zip", "verified")
    zipfile.ZipFile(io.BytesIO(clips)).extractall(tmp_path)
    with (tmp_path / "talk-clips" / "train.tsv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert [row["text"] for row in rows] == said
    # Words that were typed into another one, and dropped themselves, are still in the sound.
    assert min(float(row["cut_to"]) - float(row["cut_from"]) for row in rows) > 1

    las("adapt", singer, "--data", tmp_path / "talk-clips", "--output", tmp_path / "my", *ADAPT)
    said = record(tmp_path / "next.wav", 12, seed=6)
    before = transcribe(tmp_path / "next.wav", singer, tmp_path / "before")
    after = transcribe(tmp_path / "next.wav", tmp_path / "my", tmp_path / "after")
    assert names_heard(before) <= 8 and names_heard(after) >= 15  # of 24
