"""Three hours from disk: bounded memory, and the first words long before the last."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

HOURS = float(os.environ.get("LAS_TEST_HOURS", "3"))


@pytest.mark.slow
@pytest.mark.parametrize("cutting", ["--vad", "--no-vad"])
def test_three_hours(tiny_model: Path, tmp_path: Path, cutting: str) -> None:
    rate, path = 16_000, tmp_path / "long.wav"
    random = np.random.default_rng(0)
    examples = sorted((Path(__file__).parents[2] / "examples").glob("*.flac"))
    spoken = soundfile.read(examples[0])[0] if examples else random.normal(size=4 * rate) * 0.1
    minute = np.zeros(60 * rate)
    for at in range(0, 60 * rate - len(spoken), len(spoken) + rate):
        minute[at : at + len(spoken)] = spoken
    with soundfile.SoundFile(path, "w", rate, 1, subtype="ULAW") as file:
        for _ in range(round(HOURS * 60)):
            file.write(minute)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "las_cli", "transcribe", str(path), cutting, "--device", "cpu"]
        + ["--model", str(tiny_model), "--search", "ctc", "--beam", "1", "--keep-doubtful"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() or cutting == "--vad"
    first = time.monotonic() - began
    lines = process.stdout.read().count(b"\n")
    assert process.wait() == 0
    took = time.monotonic() - began
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # GB, Linux counts KiB
    print(
        f"{HOURS:g} h {cutting}: first words {first:.1f} s, all {took:.1f} s, "
        f"{lines + 1} lines, {most:.2f} GB"
    )
    assert most < 1.5
    if examples or cutting == "--no-vad":
        assert lines > HOURS * 100
