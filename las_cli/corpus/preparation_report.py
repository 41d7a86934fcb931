"""What `las prepare` found, as a record that is saved as JSON and printed as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from las_cli.corpus.checks import REASONS, Limits
from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy, casing_language

if TYPE_CHECKING:
    from rich.console import Console

FORMAT = 1  # of report.json
RARE = 5  # letters in fewer training clips than this are pointed out


@dataclass
class Amount:
    """Clips and their seconds; can only be added to."""

    clips: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.clips += 1
        self.seconds += seconds

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.clips + other.clips, self.seconds + other.seconds)

    @property
    def hours(self) -> float:
        return self.seconds / 3600


@dataclass
class SplitReport:
    """One split: what is kept, and what is not by reason."""

    kept: Amount = field(default_factory=Amount)
    rejected: dict[str, Amount] = field(default_factory=dict)
    speakers: int = 0  # among the kept clips; 0 where the corpus names none
    letters: Counter[str] = field(default_factory=Counter)  # of the kept texts, normalised
    clips_with: Counter[str] = field(default_factory=Counter)  # kept clips a letter occurs in
    longest: float = 0.0  # seconds
    shards: int = 0
    slow: int = 0  # kept clips that libsndfile does not read

    @property
    def left_out(self) -> Amount:
        return sum(self.rejected.values(), Amount())


@dataclass
class PreparationReport:
    """The whole of what `las prepare` says."""

    corpus: str
    kind: str
    policy: TextPolicy
    limits: Limits
    check_audio: bool
    splits: dict[str, SplitReport] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files_reused: int = 0  # clips whose findings came from the run before
    seconds_taken: float = 0.0

    @property
    def unseen(self) -> dict[str, dict[str, int]]:
        """Letters of dev and test that train does not hold, with the clips they occur in."""
        train = self.splits.get("train", SplitReport()).letters
        return {
            split: {
                letter: count
                for letter, count in sorted(found.clips_with.items())
                if letter not in train
            }
            for split, found in self.splits.items()
            if split != "train" and train and set(found.letters) - set(train)
        }

    @property
    def rare(self) -> dict[str, int]:
        """Letters that so few training clips hold that they will hardly be learned."""
        train = self.splits.get("train", SplitReport()).clips_with
        return {letter: count for letter, count in sorted(train.items()) if count < RARE}

    def to_json(self) -> dict[str, Any]:
        """Everything, with the figures that follow from it."""
        return {
            "written_by": "las prepare",
            "format": FORMAT,
            "corpus": self.corpus,
            "kind": self.kind,
            "text_rules": {**asdict(self.policy), "in_words": text_rules(self.policy)},
            "limits": asdict(self.limits),
            "check_audio": self.check_audio,
            "splits": {
                name: {
                    "kept": _amount(split.kept),
                    "rejected": {
                        reason: _amount(split.rejected[reason])
                        for reason in REASONS
                        if reason in split.rejected
                    },
                    "speakers": split.speakers,
                    "longest_seconds": round(split.longest, 3),
                    "shards": split.shards,
                    "letters": dict(sorted(split.letters.items())),
                }
                for name, split in self.splits.items()
            },
            "unseen_letters": self.unseen,
            "rare_letters": self.rare,
            "notes": self.notes,
            "files_reused": self.files_reused,
            "seconds_taken": round(self.seconds_taken, 2),
        }


def slow_note(clips: int, in_shards: bool = False) -> str:
    """A sentence on clips that libsndfile does not read, and what makes them quick."""
    if in_shards:
        return f"{clips} clips (m4a, webm, streams) are FLAC in the shards, which are read quickly"
    return (
        f"{clips} clips are read through ffmpeg, or to their end to tell their length (m4a, webm, "
        "streams), which is slower; `las prepare --shards` keeps them as FLAC, "
        "`ffmpeg -i CLIP CLIP.flac` converts one"
    )


def language_notes(policy: TextPolicy) -> list[str]:
    """A sentence where the capitals of the language are not those of the others."""
    if not casing_language(policy.language):
        return []
    return [f"language {policy.language}: I is lowered to ı, İ to i (else: --language en)"]


def text_rules(policy: TextPolicy) -> str:
    """The text policy in words, for the report and the help."""
    case = {"lower": "lower case", "upper": "upper case", "keep": "case kept"}[policy.case]
    if casing_language(policy.language):
        case += f" as in {policy.language} (I and ı, İ and i)"
    marks = (
        f"punctuation and symbols dropped except {' '.join(policy.keep) or 'none'}"
        if policy.punctuation == "drop"
        else "punctuation kept"
    )
    digits = (
        "clips with digits left out (nobody knows how they were read)"
        if policy.digits == "reject"
        else "digits kept as letters"
    )
    return f"Unicode NFC, {case}, {marks}, white space collapsed, {digits}; nothing transliterated"


def counts_in(report: Mapping[str, Any], split: str) -> Amount:
    """The kept clips of a split, out of a saved report; LasError when it is not ours."""
    try:
        kept = report["splits"][split]["kept"]
        return Amount(int(kept["clips"]), float(kept["seconds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise LasError(
            f"report.json: no figures for split {split!r}; run `las prepare` again"
        ) from error


def rejected_in(report: Mapping[str, Any], split: str) -> Counter[str]:
    """How many clips of a split were left out for which reason, out of a saved report."""
    try:
        reasons = report["splits"][split]["rejected"]
        return Counter({str(reason): int(of["clips"]) for reason, of in reasons.items()})
    except (KeyError, TypeError, ValueError, AttributeError):
        return Counter()


def _amount(amount: Amount) -> dict[str, float]:
    return {
        "clips": amount.clips,
        "hours": round(amount.hours, 4),
        "seconds": round(amount.seconds, 3),
    }


def print_report(report: PreparationReport, console: Console) -> None:
    """The report as tables: kept, rejected by reason, letters, notes."""
    from rich.table import Table

    table = Table(title=f"{report.kind}: {report.corpus}", title_justify="left")
    table.add_column("split")
    for column in ("kept", "hours", "speakers", "longest", "left out", "hours"):
        table.add_column(column, justify="right")
    for name, split in report.splits.items():
        gone = split.left_out
        table.add_row(
            name,
            f"{split.kept.clips:,}",
            f"{split.kept.hours:.2f}",
            f"{split.speakers:,}" if split.speakers else "?",
            f"{split.longest:.1f} s",
            f"{gone.clips:,}",
            f"{gone.hours:.2f}",
        )
    console.print(table)
    if any(split.rejected for split in report.splits.values()):
        console.print(_reasons(report))
    train = report.splits.get("train")
    if train and train.letters:
        letters = "".join(sorted(letter for letter in train.letters if letter != " "))
        console.print(f"[bold]{len(letters)} letters in train:[/] ", end="")
        console.print(letters[:400] + (" …" if len(letters) > 400 else ""), markup=False)
    if report.rare:
        listed = "  ".join(f"{letter} {count}" for letter, count in list(report.rare.items())[:40])
        console.print(f"[bold]in fewer than {RARE} training clips[/] (letter, clips): ", end="")
        console.print(listed, markup=False)
    for name, letters_of in report.unseen.items():
        listed = "  ".join(f"{letter} {count}" for letter, count in list(letters_of.items())[:40])
        console.print(
            f"[bold]in {name} but never in train[/] (kept; they count as errors): ", end=""
        )
        console.print(listed, markup=False)
    console.print("[bold]text rules:[/] ", end="")
    console.print(text_rules(report.policy), markup=False)
    for note in report.notes:
        console.print("[bold]note:[/] ", end="")
        console.print(note, markup=False)


def _reasons(report: PreparationReport) -> Any:
    from rich.table import Table

    table = Table(title="left out, by reason", title_justify="left")
    table.add_column("reason")
    for name in report.splits:
        table.add_column(name, justify="right")
        table.add_column("hours", justify="right")
    for reason in REASONS:
        amounts = [split.rejected.get(reason) for split in report.splits.values()]
        if any(amounts):
            cells: list[str] = []
            for amount in amounts:
                cells += [f"{amount.clips:,}", f"{amount.hours:.2f}"] if amount else ["", ""]
            table.add_row(reason, *cells)
    return table
