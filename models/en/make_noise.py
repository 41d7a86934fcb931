"""Clips of a corpus in, a folder of noise for `las train --noise` out: hiss, rumble, hum, babble.

    python models/en/make_noise.py CORPUS FOLDER

Nothing is downloaded: hiss and rumble are random numbers, babble is clips of the training split
spoken over one another. Seed 1; 48 files of 20 seconds.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile

from las_cli.audio.reader import read_audio

RATE = 16_000  # Hz
SIZE = 20 * RATE
VOICES = 6  # clips that speak at once in babble
EACH = 12  # files of a kind


def coloured(draw: np.random.Generator, slope: float) -> np.ndarray:
    """Noise whose power falls with frequency to the power of `slope`: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(draw.standard_normal(SIZE))
    hertz = np.maximum(np.fft.rfftfreq(SIZE, 1 / RATE), 20)
    return np.fft.irfft(spectrum * hertz ** (-slope / 2), SIZE)


def hum(draw: np.random.Generator) -> np.ndarray:
    """Mains hum of 50 or 60 Hz with harmonics, over pink noise."""
    time = np.arange(SIZE) / RATE
    base = draw.choice([50.0, 60.0])
    tones = [
        draw.uniform(0.2, 1) / k * np.sin(2 * np.pi * (k * base * time + draw.random()))
        for k in range(1, 9)
    ]
    pink = coloured(draw, 1)
    return np.sum(tones, axis=0) + pink / pink.std() * draw.uniform(0.1, 1)


def babble(draw: np.random.Generator, clips: list[Path]) -> np.ndarray:
    """Several people speaking at once."""
    mixed = np.zeros(SIZE)
    for _ in range(VOICES):
        voice = np.zeros(0)
        while len(voice) < SIZE:
            sound = read_audio(clips[draw.integers(len(clips))], RATE).numpy()
            voice = np.concatenate([voice, sound / max(1e-6, sound.std())])
        mixed += voice[:SIZE] * draw.uniform(0.3, 1)
    return mixed


def main(corpus: Path, folder: Path) -> None:
    draw = np.random.default_rng(1)
    with (corpus / "train.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        clips = [corpus / "clips" / row["path"] for row in rows]
    if not clips:
        sys.exit(f"{corpus / 'train.tsv'}: lists no clips")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(EACH):
        for name, sound in {
            "hiss": coloured(draw, draw.uniform(0, 1)),
            "rumble": coloured(draw, draw.uniform(1, 2)),
            "hum": hum(draw),
            "babble": babble(draw, clips),
        }.items():
            path = folder / f"{name}-{number:02}.flac"
            soundfile.write(path, 0.3 * sound / np.abs(sound).max(), RATE)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python models/en/make_noise.py CORPUS FOLDER")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
