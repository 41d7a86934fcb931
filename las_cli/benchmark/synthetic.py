"""A number of clips in, a prepared corpus of that size out: few files, many cuts, to measure."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.corpus.checks import Limits
from las_cli.corpus.cuts import cut_record
from las_cli.corpus.headers import AudioHeader
from las_cli.corpus.manifest_writer import ManifestWriter
from las_cli.corpus.preparation_report import PreparationReport, SplitReport
from las_cli.corpus.utterance import Utterance
from las_cli.text.normalise import TextPolicy

FILES = 32
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "looked", "at", "seven", "grey", "birds")


def write_synthetic(folder: Path, clips: int, seed: int = 0) -> None:
    """A folder as `las prepare` writes it, with `clips` training cuts and 100 of dev.

    The cuts share 32 files of noise of 1 to 15 s; texts are random words that fit the length.
    One million cuts take about half a minute and 60 MB.
    """
    import numpy
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    noise = numpy.random.default_rng(seed)
    draw = random.Random(seed)
    files = []
    for index in range(FILES):
        frames = SAMPLE_RATE + index * 14 * SAMPLE_RATE // FILES
        path = folder / f"noise-{index:02d}.wav"
        soundfile.write(path, 0.05 * noise.standard_normal(frames).astype("float32"), SAMPLE_RATE)
        files.append((str(path), AudioHeader(SAMPLE_RATE, frames, 1)))
    report = PreparationReport(str(folder), "synthetic", TextPolicy(), Limits(), check_audio=False)
    for split, count in (("train", clips), ("dev", 100)):
        found = report.splits[split] = SplitReport(speakers=min(count, 1000))
        with ManifestWriter(folder / f"cuts_{split}.jsonl.gz", shuffle=False) as manifest:
            for number in range(count):
                path_of, header = files[draw.randrange(FILES)]
                words = max(1, round(header.seconds * 2))
                utterance = Utterance(
                    id=f"{split}-{number:08d}",
                    audio=path_of,
                    text=" ".join(draw.choices(WORDS, k=words)),
                    where="",
                    speaker=f"speaker-{number % 1000}",
                    language="en",
                )
                manifest.write(cut_record(utterance, header))
                found.kept.add(header.seconds)
        found.longest = max(header.seconds for _, header in files)
        found.letters = Counter(dict.fromkeys(sorted(set("".join(WORDS)) | {" "}), count))
    (folder / "report.json").write_text(json.dumps(report.to_json()), encoding="utf-8")
