"""Tiny corpora in every layout, made of tones of a second or two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import soundfile

RATE = 16000


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1, pitch: float = 220.0) -> Any:
    """Samples [frames] or [frames, channels]; `pitch` tells clips apart."""
    time = numpy.arange(round(seconds * rate)) / rate
    wave = (0.3 * numpy.sin(2 * numpy.pi * pitch * time)).astype("float32")
    return wave if channels == 1 else numpy.stack([wave] * channels, axis=1)


def write_clip(path: Path, seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> Path:
    """A tone whose pitch follows from the file's name, so that no two clips sound the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pitch = 100 + sum(path.stem.encode()) % 900 + len(path.stem)
    samples = tone(seconds, rate, channels, pitch)
    if path.suffix == ".opus":
        soundfile.write(path, samples, rate, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, samples, rate)
    return path


CV_HEADER = "client_id path sentence up_votes down_votes age gender accents locale segment".split()


def common_voice(
    folder: Path,
    splits: Mapping[str, Sequence[tuple[str, str, str]]],
    header: Sequence[str] = CV_HEADER,
    suffix: str = ".wav",
    clips: bool = True,
) -> Path:
    """A Common Voice folder; rows are (speaker, clip without suffix, sentence)."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        lines = ["\t".join(header)]
        for speaker, clip, sentence in rows:
            if clips:
                write_clip(folder / "clips" / (clip + suffix))
            values = {"client_id": speaker, "path": clip + suffix, "sentence": sentence,
                      "locale": "en", "gender": "female", "age": "thirties", "accent": "north",
                      "accents": "north", "up_votes": "2", "down_votes": "0"}  # fmt: skip
            lines.append("\t".join(values.get(name, "") for name in header))
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def simple_common_voice(folder: Path) -> Path:
    return common_voice(
        folder,
        {
            "train": [(f"s{n % 4}", f"t{n}", f"the {word} one") for n, word in enumerate(WORDS)],
            "dev": [("d", "d0", "quite another")],
            "test": [("e", "e0", "something else")],
        },
    )


WORDS = "red blue green grey black white pink brown".split()


def libri_speech(folder: Path, parts: Sequence[str] = ("train-clean-5", "dev-clean-2")) -> Path:
    for part in parts:
        for speaker in ("19", "26") if part.startswith("train") else ("84", "174"):
            chapter = folder / part / speaker / "198"
            names = [f"{speaker}-198-{number:04d}" for number in range(2)]
            for name in names:
                write_clip(chapter / f"{name}.flac")
            lines = [f"{name} {part[:3].upper()} {name[-6:]}" for name in names]
            (chapter / f"{speaker}-198.trans.txt").write_text("\n".join(lines) + "\n")
    (folder / "SPEAKERS.TXT").write_text("; comment\n19   | F | train-clean-5 | 25 | A B\n")
    return folder


def lj_speech(folder: Path, columns: int = 3) -> Path:
    lines = []
    for number in range(4):
        write_clip(folder / "wavs" / f"LJ001-{number:04d}.wav")
        texts = [f'He said "{number} {WORDS[number]}', f"he said {WORDS[number]}"]
        lines.append("|".join([f"LJ001-{number:04d}", *texts[: columns - 1]]))
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def nemo(folder: Path) -> Path:
    for split, count in (("train", 4), ("validation", 2)):
        lines = []
        for number in range(count):
            write_clip(folder / "audio" / f"{split}{number}.wav")
            lines.append(
                json.dumps(
                    {
                        "audio_filepath": f"audio/{split}{number}.wav",
                        "duration": 1.0,
                        "text": f"{split} {WORDS[number]}",
                        "speaker": f"{split}{number}",
                    }
                )
            )
        (folder / f"{split}_manifest.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def table(folder: Path, name: str, header: str, delimiter: str, quote: str = "") -> Path:
    columns = header.split()
    lines = [delimiter.join(columns)]
    for number in range(4):
        write_clip(folder / "audio" / f"c{number}.wav")
        cells = [f"c{number}.wav", f"{quote}the {WORDS[number]} one, two{quote}", f"s{number}"]
        lines.append(delimiter.join(cells[: len(columns)]))
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def rejected(output: Path) -> list[dict[str, str]]:
    """The rows of rejected.tsv in an output folder."""
    lines = (output / "rejected.tsv").read_text(encoding="utf-8").splitlines()
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]
