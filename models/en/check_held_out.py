"""The corpora and texts of a training in; what they share with the evaluation sentences out.

Shows that models/en is tested on what it never met: no speaker or clip of the dev split in the
training split; no sentence of dev, of the Common Voice sample or of the sets that are kept
elsewhere (`held_out/check.py`, hashes only), nor seven words running of one, in the training text.

    python models/en/check_held_out.py ../shared/data [MORE …]

MORE: corpora whose train.tsv is looked at too (`sentence`), as make_corpora.py and make_speech.py
write them. The evaluation sets' own tables are looked for in ../shared/data alone.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from las_cli.text import TextPolicy, normalise

RUN = 7  # words in a row that no training text may have in common with a test sentence
TEXTS = (
    "librispeech_train_clean_100.txt.gz",
    "common_voice_prompts_en.txt.gz",
    "spoken.txt.gz",
    "english_novels.txt.zst",
)


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


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a compressed text."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from file
        return
    import io

    import zstandard  # pip install 'las-cli[zstd]'

    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        yield from io.TextIOWrapper(stream, encoding="utf-8")


def kept_elsewhere(data: Path) -> Callable[[str], bool]:
    """Whether a text touches an evaluation sentence, those whose texts are not here included."""
    spec = importlib.util.spec_from_file_location("held_out", data / "held_out" / "check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.touches  # type: ignore[no-any-return]


class Check:
    """Counts what is shared and prints a line a check."""

    def __init__(self, data: Path) -> None:
        dev = rows(data / "english/dev.tsv")
        sample = rows(data / "cv-corpus-6.1-sample/en/test.tsv")
        self.tests = {
            "dev": {words(row["sentence"]) for row in dev},
            "Common Voice sample": {words(row["sentence"]) for row in sample},
        }
        self.pieces = {
            split: {run for sentence in sentences for run in runs(sentence)}
            for split, sentences in self.tests.items()
        }
        self.touches = kept_elsewhere(data)
        self.found = 0

    def tell(self, what: str, shared: int, total: int) -> None:
        """One line, and the sum for the exit code."""
        self.found += shared
        print(f"{shared:6} of {total:7} {what}", flush=True)

    def texts(self, name: str, lines: Iterable[str]) -> None:
        """What the lines of a text share with the evaluation sentences."""
        total = touching = 0
        same, parts = dict.fromkeys(self.tests, 0), dict.fromkeys(self.tests, 0)
        for line in lines:
            total += 1
            touching += self.touches(line)
            spoken = words(line)
            for split, sentences in self.tests.items():
                same[split] += spoken in sentences
                parts[split] += any(run in self.pieces[split] for run in runs(spoken))
        for split in self.tests:
            self.tell(f"lines of {name} that are a {split} sentence", same[split], total)
            self.tell(
                f"lines of {name} with {RUN} words in a row of one ({split})", parts[split], total
            )
        self.tell(f"lines of {name} that touch held_out/", touching, total)


def main(data: Path, more: list[Path]) -> int:
    """Prints a line a check; 1 if anything is shared."""
    check = Check(data)
    train, dev = rows(data / "english/train.tsv"), rows(data / "english/dev.tsv")
    for column in ("client_id", "path"):
        theirs = {row[column] for row in dev} - {""}
        shared = sum(row[column] in theirs for row in train)
        check.tell(f"train clips with a {column} of dev", shared, len(train))
    check.texts("english/train.tsv", (row["sentence"] for row in train))
    for table in sorted((data / "labelled").glob("*.tsv")):
        check.texts(table.name, (row["sentence"] for row in rows(table)))
    for folder in more:
        check.texts(str(folder), (row["sentence"] for row in rows(folder / "train.tsv")))
    for name in TEXTS:
        check.texts(name, lines_of(data / "text" / name))
    return int(check.found > 0)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not Path(sys.argv[1], "english").is_dir():
        sys.exit("usage: check_held_out.py FOLDER [CORPUS …] (FOLDER holds english/, text/ …)")
    sys.exit(main(Path(sys.argv[1]), [Path(word) for word in sys.argv[2:]]))
