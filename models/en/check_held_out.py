"""The corpus and the language model's text in; what they share with the test sentences out.

Shows that models/en was tested on what it never met: no sentence, speaker or clip of the dev split
in the training split, no dev or Common Voice sentence in the language model's text.

    python models/en/check_held_out.py ../shared/data
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from las_cli.text import TextPolicy, normalise

RUN = 7  # words in a row that no training text may have in common with a test sentence
TEXTS = ("librispeech_train_clean_100.txt.gz", "common_voice_prompts_en.txt.gz")


def rows(path: Path) -> list[dict[str, str]]:
    """A Common Voice table; its quotes are letters, not quoting."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def words(text: str) -> tuple[str, ...]:
    """A sentence as the model would spell it."""
    return tuple(normalise(text, TextPolicy()).split())


def runs(sentence: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every `RUN` words in a row."""
    for start in range(len(sentence) - RUN + 1):
        yield sentence[start : start + RUN]


def main(data: Path) -> int:
    """Prints a line a check; 1 if anything is shared."""
    train, dev = rows(data / "english/train.tsv"), rows(data / "english/dev.tsv")
    sample = rows(data / "cv-corpus-6.1-sample/en/test.tsv")
    tests = {
        "dev": {words(row["sentence"]) for row in dev},
        "Common Voice sample": {words(row["sentence"]) for row in sample},
    }
    found = 0

    def tell(what: str, shared: int, total: int) -> None:
        nonlocal found
        found += shared
        print(f"{shared:6} of {total:6} {what}")

    for column in ("client_id", "path"):
        theirs = {row[column] for row in dev}
        shared = sum(row[column] in theirs for row in train)
        tell(f"train clips with a {column} of dev", shared, len(train))
    spoken = [words(row["sentence"]) for row in train]
    texts = {"train": spoken}
    for name in TEXTS:
        with gzip.open(data / "text" / name, "rt", encoding="utf-8") as file:
            texts[name] = [words(line) for line in file]
    for split, sentences in tests.items():
        pieces = {run for sentence in sentences for run in runs(sentence)}
        for name, lines in texts.items():
            same = sum(line in sentences for line in lines)
            tell(f"lines of {name} that are a {split} sentence", same, len(lines))
            shared = sum(any(run in pieces for run in runs(line)) for line in lines)
            tell(f"lines of {name} with {RUN} words in a row of one ({split})", shared, len(lines))
    return int(found > 0)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1], "english").is_dir():
        sys.exit("usage: check_held_out.py FOLDER (that holds english/, text/ and the sample)")
    sys.exit(main(Path(sys.argv[1])))
