"""Novels that a language model never read in; what `las adapt --text` of half of one is good for.

    NOVELS=../shared/data/text/english_novels.txt.zst
    python models/en/measure_words.py $NOVELS SPOKEN --rest rest.txt
    python models/en/make_speech.py ../shared/data/text SPOKEN --held-out CHECK.PY
    las train-lm --text rest.txt OTHER… --model en --letters-of en --output LESS
    python models/en/measure_words.py $NOVELS SPOKEN --model LESS --output words.jsonl

Of each novel of `NOVELS` (lines of the file) the first half is the text, and spoken sentences of
the second half are recognised before and after. The first command writes the plan of the sentences
that make_speech.py speaks then, other ones than those of --heard (a folder of make_speech.py on
which the model was trained), and the novels without these five, for a language model that never
read them.
--dev says what other speech lost. A novel that the output holds already is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from las_cli.adaptation.words import add_words
from las_cli.corpus import load_corpus, spread_cuts, use_soundfile
from las_cli.evaluation.decode_split import decode_split
from las_cli.language.text import read_lines
from las_cli.recogniser import Recogniser, load_recogniser
from las_cli.scoring import score_pairs

NOVELS = {  # first and last line
    "The Virginians": (359665, 373036),
    "Marjorie": (699388, 704704),
    "Roderick Hudson": (221564, 226094),
    "Henry Esmond": (347410, 353269),
    "Katharine": (416254, 420730),
}
APART = 50  # lines between the halves that are in neither
SPOKEN = 30  # sentences of each, to be spoken
WORDS = (6, 25)  # of a sentence that is spoken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("novels", type=Path)
    parser.add_argument("spoken", type=Path)
    parser.add_argument("--model", default="en")
    parser.add_argument("--dev", type=Path, help="corpus whose dev split is recognised too")
    parser.add_argument("--dev-clips", type=int, default=60)
    parser.add_argument("--beam", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rest", type=Path, help="write this and the plan of SPOKEN, no more")
    parser.add_argument("--heard", type=Path, help="with --rest: spoken sentences to leave out")
    args = parser.parse_args()
    lines = [line.strip() for line in read_lines([args.novels])]
    if args.rest:
        write_rest(args.rest, lines)
        write_plan(args.spoken, lines, args.heard)
        return
    if args.output is None:
        parser.error("--output is missing")
    use_soundfile()
    done = read(args.output)
    spoken = placed(args.spoken, lines)
    before = load_recogniser(args.model, threads=args.threads, beam=args.beam)
    dev = spread_cuts(list(load_corpus(args.dev).cuts("dev")), args.dev_clips) if args.dev else []
    dev_before = errors(before, dev)
    for name, (start, stop) in NOVELS.items():
        if any(row["novel"] == name for row in done):
            continue
        middle = (start + stop) // 2
        with TemporaryDirectory() as place:
            text, table = Path(place) / "half.txt", Path(place) / "spoken.tsv"
            text.write_text("\n".join(lines[start:middle]), encoding="utf-8")
            rows = [row for line, row in spoken if middle + APART <= line <= stop]
            write_table(table, args.spoken, rows)
            cuts = list(load_corpus(table, derive_dev=False).cuts("train"))
            began = time.monotonic()
            words = add_words(before.loaded, before.lm, [text])
            seconds = time.monotonic() - began
            after = Recogniser.of(before.loaded, before.options, words.model)
            row = {
                "novel": name, "clips": len(cuts), "share": words.enrichment.share,
                "new_words": words.enrichment.new_words, "seconds": round(seconds, 1),
                "before": errors(before, cuts), "after": errors(after, cuts),
                "dev_before": dev_before, "dev_after": errors(after, dev),
            }  # fmt: skip
        done.append(row)
        with args.output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    print(table_of(done))


def write_rest(path: Path, lines: list[str]) -> None:
    """The novels that are not measured by."""
    inside = [range(start, stop + 1) for start, stop in NOVELS.values()]
    with path.open("w", encoding="utf-8") as file:
        for number, line in enumerate(lines):
            if not any(number in one for one in inside):
                file.write(line + "\n")


def write_plan(folder: Path, lines: list[str], heard: Path | None) -> None:
    """What make_speech.py is to say: sentences of the second halves, evenly taken."""
    known = {lines[number] for number, _ in placed(heard, lines)} if heard else set()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "plan.tsv").open("w", encoding="utf-8") as file:
        file.write("clip\tpath\tsource\tsentence\n")
        for start, stop in NOVELS.values():
            fit = [
                number
                for number in range((start + stop) // 2 + APART, stop + 1)
                if WORDS[0] <= len(lines[number].split()) <= WORDS[1] and lines[number] not in known
            ]
            for number in fit[:: max(1, len(fit) // SPOKEN)][:SPOKEN]:
                name = f"half-novels-{number:06}"
                file.write(f"{name}\t000/{name}.flac\tnovels\t{lines[number]}\n")


def placed(folder: Path, lines: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The spoken sentences and the line of the novels that each is."""
    where: dict[str, int] = {}
    for number, line in enumerate(lines):
        where.setdefault(line, number)
    with (folder / "train.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(where[row["sentence"]], row) for row in rows if row["sentence"] in where]


def write_table(path: Path, folder: Path, rows: list[dict[str, str]]) -> None:
    """A corpus of one table."""
    with path.open("w", encoding="utf-8") as file:
        file.write("path\tsentence\n")
        for row in rows:
            file.write(f"{(folder / 'clips' / row['path']).absolute()}\t{row['sentence']}\n")


def errors(recogniser: Recogniser, cuts: Any) -> list[int]:
    """Wrong words, and words."""
    if not cuts:
        return [0, 0]
    decoded = decode_split(recogniser, cuts)
    counts = score_pairs(decoded.references, decoded.hypotheses, normaliser="none").counts
    return [counts["words"].errors, counts["words"].reference]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that were measured before."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table_of(rows: list[dict[str, Any]]) -> str:
    """Markdown: a row each, and all errors together."""
    lines = ["| novel | clips | new words | share | WER before | after | change | dev |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    keys = ("before", "after", "dev_before", "dev_after")
    sums = {key: [sum(row[key][place] for row in rows) for place in (0, 1)] for key in keys}
    summed = {"novel": "all", "clips": sum(row["clips"] for row in rows), "new_words": "",
              "share": ""}  # fmt: skip
    for row in [*rows, summed | sums]:
        rates = {key: row[key][0] / max(1, row[key][1]) for key in keys}
        dev = rates["dev_after"] / rates["dev_before"] - 1 if rates["dev_before"] else 0.0
        lines.append(
            f"| {row['novel']} | {row['clips']} | {row['new_words']} | {row['share']} | "
            f"{rates['before']:.2%} | {rates['after']:.2%} | "
            f"{rates['after'] / rates['before'] - 1:+.1%} | {dev:+.1%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
