"""Corpora of compressed clips in, the same as 16 kHz FLAC out: decoded once, read many times.

    python models/en/make_corpora.py TABLE_FOLDER OUTPUT [--held-out FOLDER]

Decoding Opus and mp3 anew in every pass takes a sixth of two cores. TABLE_FOLDER holds train.tsv,
dev.tsv … and clips/, as Common Voice does; the tables keep all their columns. With --held-out
(the folder of check.py and 7grams.bin) rows of train that touch an evaluation sentence are left
out, and are counted. The clips of `labelled/` come out of their repositories first:

    python ../shared/data/labelled/extract.py TABLE.tsv GIT_DIR TABLE_FOLDER
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import soundfile

RATE = 16_000  # Hz


def decode(source: Path, target: Path) -> str:
    """Writes one clip as mono FLAC; an empty string, or why it cannot be read."""
    import torch

    from las_cli.audio.reader import read_audio
    from las_cli.errors import LasError

    if target.is_file():
        return ""
    torch.set_num_threads(1)
    try:
        sound = read_audio(source, RATE).clamp(-1, 1).numpy()
    except LasError as error:
        return str(error)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    soundfile.write(part, sound, RATE, format="FLAC", subtype="PCM_16")
    part.replace(target)
    return ""


def touches_of(folder: Path | None) -> Callable[[str], bool]:
    """The function `touches` of the check in `folder`; without one nothing touches."""
    if folder is None:
        return lambda text: False
    spec = importlib.util.spec_from_file_location("held_out_check", folder / "check.py")
    if spec is None or spec.loader is None:
        raise click.ClickException(f"{folder / 'check.py'}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.touches  # type: ignore[no-any-return]


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--held-out", type=click.Path(path_type=Path, exists=True), help="Of check.py.")
@click.option("--processes", default=2, show_default=True)
def main(corpus: Path, output: Path, held_out: Path | None, processes: int) -> None:
    """Decode the clips of CORPUS into OUTPUT."""
    touches = touches_of(held_out)
    for table in sorted(corpus.glob("*.tsv")):
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            columns, rows = list(reader.fieldnames or ()), list(reader)
        counts: Counter[str] = Counter()
        kept = []
        for row in rows:
            if table.stem == "train" and touches(row["sentence"]):
                counts["touches an evaluation sentence"] += 1
            else:
                kept.append(row)
        sources = [corpus / "clips" / row["path"] for row in kept]
        targets = [
            output / "clips" / Path(row["path"]).with_suffix(".flac") for row in kept
        ]
        output.mkdir(parents=True, exist_ok=True)
        written = []
        with ProcessPoolExecutor(processes) as pool:
            faults = pool.map(decode, sources, targets, chunksize=64)
            for row, target, fault in zip(kept, targets, faults, strict=True):
                if fault:
                    counts["cannot be read"] += 1
                    print(fault, file=sys.stderr)
                else:
                    path = str(target.relative_to(output / "clips"))
                    written.append({**row, "path": path})
        with (output / table.name).open("w", encoding="utf-8", newline="") as file:
            file.write("\t".join(columns) + "\n")
            for row in written:
                file.write("\t".join(row[name] or "" for name in columns) + "\n")
        left_out = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"
        print(f"{table.name}: {len(written)} clips; left out: {left_out}")


if __name__ == "__main__":
    main()
