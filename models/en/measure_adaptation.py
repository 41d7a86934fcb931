"""Speakers whom a model never heard in; what `las adapt` is good for on 1, 5, 10 minutes out.

    python models/en/measure_adaptation.py ../shared/data/english --model en \\
        --speakers common_voice-cv_b87dd0680063cbd3,librispeech_dev_clean-777 --output adapt.jsonl

Of each speaker the last clips are kept to measure by, whatever is adapted on; `las adapt` gets the
first minutes of the others and knows of no more. WER before and after on the speaker's kept clips
and on clips of the dev split, which says what was forgotten. A speaker and an amount that the
output holds already is not measured again. Where `las adapt` finds the result no better it writes
no model, and the one before is what counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from las_cli.adaptation.adapt import Adaptation, Request
from las_cli.adaptation.keeping import keep
from las_cli.adaptation.voice_settings import VoiceSettings
from las_cli.corpus import load_corpus, spread_cuts, use_soundfile
from las_cli.evaluation.decode_split import decode_split
from las_cli.recogniser import Recogniser, load_recogniser
from las_cli.scoring import score_pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="Common Voice folder with client_id")
    parser.add_argument("--model", default="en")
    parser.add_argument("--speakers", required=True, help="separated by commas")
    parser.add_argument("--minutes", default="1,5,10")
    parser.add_argument("--kept-seconds", type=float, default=200.0, help="of each, to measure by")
    parser.add_argument("--dev-clips", type=int, default=100, help="0: what is forgotten is left")
    parser.add_argument("--beam", type=int, help="to measure with; las adapt has the model's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True)
    for name in ("moves", "learning-rate", "anchor", "passes", "batch-seconds"):
        parser.add_argument(f"--{name}", type=str if name == "moves" else float)
    args = parser.parse_args()
    names = ("moves", "learning_rate", "anchor", "passes", "batch_seconds")
    chosen = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    use_soundfile()
    done = read(args.output)
    corpus = load_corpus(args.data)
    before = load_recogniser(args.model, threads=args.threads, beam=args.beam)
    dev = spread_cuts(list(corpus.cuts("dev")), args.dev_clips) if args.dev_clips else []
    baseline = rates(before, dev)
    for speaker in args.speakers.split(","):
        clips = [cut for cut in corpus.cuts("train") if cut.supervisions[0].speaker == speaker]
        pool, kept = parted(clips, args.kept_seconds)
        own = rates(before, kept)
        for minutes in map(float, args.minutes.split(",")):
            heard = first(pool, 60 * minutes)
            if any((row["speaker"], row["minutes"]) == (speaker, minutes) for row in done):
                continue
            if sum(cut.duration for cut in heard) < 0.9 * 60 * minutes:
                print(f"{speaker}: has no {minutes:g} minutes beside what it is measured by")
                continue
            row = {"speaker": speaker, "minutes": minutes, "before": own, "dev_before": baseline}
            row |= adapted(args, before, heard, kept, dev, VoiceSettings(**chosen)) | chosen
            done.append(row)
            with args.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    print(table(done))


def adapted(
    args: argparse.Namespace, before: Recogniser, heard: Sequence[Any], kept: Sequence[Any],
    dev: Sequence[Any], voice: VoiceSettings,
) -> dict[str, Any]:  # fmt: skip
    """One run of `las adapt`: seconds, whether it was kept, rates after."""
    place = Path(tempfile.mkdtemp(prefix="las-adapt-"))
    try:
        with (place / "clips.tsv").open("w", encoding="utf-8") as file:
            file.write("path\tsentence\n")
            for cut in heard:
                file.write(f"{cut.recording.sources[0].source}\t{cut.supervisions[0].text}\n")
        request = Request(args.model, (str(place / "clips.tsv"),), (), voice)
        began = time.monotonic()
        recogniser = load_recogniser(args.model, threads=args.threads)
        adaptation = Adaptation(request, recogniser, place / "my", print, True)
        outcome = adaptation.run()
        assert outcome is not None
        row: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1)}
        row |= {"kept": outcome.is_better, "check": outcome.facts}
        after = before
        if outcome.is_better:
            keep(adaptation, outcome)
            after = load_recogniser(str(place / "my"), threads=args.threads, beam=args.beam)
        return row | {"after": rates(after, kept), "dev_after": rates(after, dev)}
    finally:
        shutil.rmtree(place)


def parted(clips: Sequence[Any], seconds: float) -> tuple[list[Any], list[Any]]:
    """Clips to adapt on, and the last ones, of at least so many seconds, to measure by."""
    kept: list[Any] = []
    for cut in reversed(clips):
        if sum(one.duration for one in kept) >= seconds:
            break
        kept.insert(0, cut)
    return list(clips[: len(clips) - len(kept)]), kept


def first(clips: Sequence[Any], seconds: float) -> list[Any]:
    """The first clips of about so many seconds."""
    chosen: list[Any] = []
    for cut in clips:
        if sum(one.duration for one in chosen) + cut.duration / 2 > seconds:
            break
        chosen.append(cut)
    return chosen


def rates(recogniser: Recogniser, cuts: Sequence[Any]) -> dict[str, float]:
    """LER and WER, and the words they are of."""
    if not cuts:
        return {}
    decoded = decode_split(recogniser, cuts)
    counts = score_pairs(decoded.references, decoded.hypotheses, normaliser="none").counts
    return {
        "ler": round(counts["letters"].rate, 4), "wer": round(counts["words"].rate, 4),
        "words": counts["words"].reference,
    }  # fmt: skip


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that were measured before."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row each, and the mean change by minutes."""
    lines = ["| speaker | minutes | WER before | after | change | dev | kept | seconds |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    changes: dict[float, list[float]] = {}
    for row in rows:
        change = row["after"]["wer"] / row["before"]["wer"] - 1
        changes.setdefault(row["minutes"], []).append(change)
        dev = row["dev_after"]["wer"] / row["dev_before"]["wer"] - 1 if row["dev_before"] else 0.0
        lines.append(
            f"| {row['speaker']} | {row['minutes']:g} | {row['before']['wer']:.2%} | "
            f"{row['after']['wer']:.2%} | {change:+.1%} | {dev:+.1%} | "
            f"{'yes' if row['kept'] else 'no'} | {row['seconds']:.0f} |"
        )
    for minutes, of in sorted(changes.items()):
        lines.append(f"| mean of {len(of)} | {minutes:g} | | | {sum(of) / len(of):+.1%} | | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
