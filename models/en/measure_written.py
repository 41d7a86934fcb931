"""A split's written sentences, and what a model heard of them, in; how well marks and capitals are
put back out, for right and for recognised words, by corpus.

    las decode --model en --data ../shared/data/english --split dev --output dev
    python models/en/measure_written.py ../shared/data/english/dev.tsv dev/hypotheses.jsonl

Each sentence is a recording of its own, without times; `--model FOLDER` takes the written form of
another model. Sentences all in capitals or in small letters (as LibriSpeech's) are left out.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from las_cli.scoring.rows import written_table
from las_cli.scoring.terminal import new_console, rich_table
from las_cli.scoring.written import WrittenCounts, written_counts
from las_cli.text.marks import plain_words
from las_cli.written.punctuation_store import load_punctuator


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("hypotheses", type=Path)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    punctuator = load_punctuator(given.model)
    with given.table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    heard: dict[str, str] = {}
    for line in given.hypotheses.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        heard[row["id"]] = row["hyp"]
    totals: dict[str, WrittenCounts] = defaultdict(WrittenCounts)
    for row in rows:
        sentence = row["sentence"]
        if sentence == sentence.upper() or sentence == sentence.lower():
            continue
        for kind, words in (
            ("right words", " ".join(plain_words(sentence))),
            ("recognised words", heard.get(Path(row["path"]).stem, "")),
        ):
            totals[f"{row.get('corpus') or 'all'}, {kind}"] += written_counts(
                sentence, punctuator.text(words)
            )
    show(totals.items())


def show(tables: Iterable[tuple[str, WrittenCounts]]) -> None:
    """A table each."""
    console = new_console()
    for title, counts in tables:
        console.print(rich_table(written_table(counts, title)))
        console.print()


if __name__ == "__main__":
    main()
