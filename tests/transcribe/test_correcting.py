"""The loop of correcting: a recording transcribed, corrected in a browser, prepared as a corpus."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from las_cli.cli.main import cli
from tests.output.chromium import chromium


def las(*arguments: object) -> str:
    """Runs `las ARGUMENTS`, which must end well; what it prints."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_is_corrected_is_a_corpus(
    tiny_model: Path, write_noise: Callable[..., Path], tmp_path: Path
) -> None:
    recording = write_noise(tmp_path / "talk.wav", 3.0)
    # Two readings, which the search of this model has for a page without being asked.
    las("transcribe", recording, "--model", tiny_model, "--device", "cpu", "--format", "html,json",
        "--output", tmp_path / "texts")  # fmt: skip
    heard = json.loads((tmp_path / "texts" / "talk.json").read_text())["segments"]
    assert [len(segment["alternatives"]) for segment in heard] == [2] * len(heard)

    downloads = tmp_path / "downloads"
    with chromium(downloads) as browser:
        browser.open(tmp_path / "texts" / "talk.html")
        words = browser.words()
        assert words == [word["text"] for segment in heard for word in segment["words"]]
        browser.edit(words[0])
        browser.type("Alpha, beta!")
        saved = browser.saved("zip", "talk-clips.zip", "verified")
    zipfile.ZipFile(io.BytesIO(saved)).extractall(tmp_path)

    las("prepare", tmp_path / "talk-clips", "--output", tmp_path / "data", "-j", "1")
    with gzip.open(tmp_path / "data" / "cuts_train.jsonl.gz", "rt") as lines:
        cuts = [json.loads(line) for line in lines]
    rest = [word["text"] for word in heard[0]["words"][1:]]
    assert [cut["supervisions"][0]["text"] for cut in cuts] == [" ".join(["alpha beta", *rest])]

    # The clip is what was said there: the page held the recording in FLAC, in 16 bits.
    clip, rate = soundfile.read(next((tmp_path / "talk-clips" / "sound").iterdir()))
    whole, _ = soundfile.read(recording)
    start = max(0.0, heard[0]["start"] - 0.25)
    cut = whole[round(start * rate) :][: len(clip)]
    assert rate == 16_000 and len(clip) > rate // 2
    assert np.abs(clip[: len(cut)] - cut).max() == pytest.approx(0, abs=2e-4)
