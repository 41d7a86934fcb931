"""A corpus in; manifests of its usable clips, a list of the others and a report out."""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from las_cli.corpus.checks import (
    RARE_SHARE,
    Limits,
    Verdict,
    declared_verdict,
    length_verdict,
    text_verdict,
)
from las_cli.corpus.cuts import cut_record
from las_cli.corpus.findings import FindingStore
from las_cli.corpus.headers import AudioHeader, batches, default_jobs, in_processes
from las_cli.corpus.held_out import hash_of
from las_cli.corpus.inspection import Batch, Finding, Question, inspect_batch, inspect_one_by_one
from las_cli.corpus.layout import Layout
from las_cli.corpus.manifest_writer import ManifestWriter
from las_cli.corpus.manifests import json_lines
from las_cli.corpus.prepared import read_report
from las_cli.corpus.report import Amount, Report, SplitReport
from las_cli.corpus.shards import SHARD_SIZE, Shards, write_shards
from las_cli.corpus.survey import Survey, survey
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy, normalise

BATCH = 200  # clips handed to a process at a time
Progress = Callable[[str, int, int], None]  # what is done, clips done, clips in all


@dataclass(frozen=True)
class PrepareOptions:
    """How `las prepare` works; the defaults suit Common Voice."""

    policy: TextPolicy = field(default_factory=TextPolicy)  # text rules, for checks only
    limits: Limits = field(default_factory=Limits)  # lengths of training clips
    train_split: str = "train"  # the corpus' own split to train on, e.g. validated
    shared_sentences: str = "auto"  # "drop", "keep", "auto": drop unless half of train goes
    shared_speakers: str = "auto"  # the same
    alphabet: str | None = None  # letters allowed; None: all that train holds
    rare_share: float = RARE_SHARE  # letters rarer than this in train are outside the alphabet
    check_audio: bool = False  # decode every clip
    jobs: int | None = None  # processes; None: one a core, at most 8
    shards: bool = False  # write lhotse Shar too
    shard_size: int = SHARD_SIZE  # clips a shard


def prepare(
    layout: Layout,
    output: Path,
    options: PrepareOptions | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Report:
    """Check every clip of a corpus and write `cuts_SPLIT.jsonl.gz`, `rejected.tsv`,
    `report.json` and perhaps `shards/SPLIT/` into `output`.

    What the run before found out about a file is reused while its size and time of change are the
    same. Memory: some 200 bytes a clip (hashes of what was seen), nothing of the audio.
    """
    options = options or PrepareOptions()
    began = time.monotonic()
    if isinstance(layout, Shards):
        raise LasError(
            f"{layout.folder}: lhotse Shar holds its sound and needs no preparation; "
            f"`las train --data {layout.folder}` reads it"
        )
    if output.resolve() == layout.folder.resolve():
        raise LasError(
            f"{output}: the output must be another folder than the corpus, which stays as it is"
        )
    if (output / "report.json").is_file() and read_report(output) is None:
        raise LasError(
            f"{output}: holds a report.json that is not from `las prepare`; choose another output"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        return _Preparation(layout, output, options, progress).run(began)
    except OSError as error:
        raise LasError(
            f"{error.filename or output}: cannot be written or read ({error.strerror or error}); "
            "what an earlier run wrote there is as it was"
        ) from error


class _Preparation:
    def __init__(
        self, layout: Layout, output: Path, options: PrepareOptions, progress: Progress
    ) -> None:
        self.layout, self.output, self.options = layout, output, options
        self.progress = progress
        self.report = Report(
            corpus=str(layout.folder),
            kind=layout.kind,
            policy=options.policy,
            limits=options.limits,
            check_audio=options.check_audio,
            notes=list(layout.notes),
        )
        self._seen: dict[int, str] = {}  # hash of path and piece → split
        self._ids: set[int] = set()
        self._sounds: dict[tuple[int, int], str] = {}  # digest and length → where

    def run(self, began: float) -> Report:
        options = self.options
        self.progress("reading the tables", 0, 0)
        found = survey(
            self.layout,
            options.policy,
            options.train_split,
            options.shared_sentences,
            options.shared_speakers,
        )
        if not found.splits:
            raise LasError(
                f"{self.layout.folder}: neither train nor dev nor test in this "
                f"{self.layout.kind} corpus, only {', '.join(self.layout.splits)}; name one with "
                "--train-split"
            )
        self.report.notes += found.notes
        outside = _outside(found, options)
        rejected_path = self.output / "rejected.tsv"
        partial = rejected_path.with_name("rejected.tsv.partial")
        store = FindingStore(self.output / "findings.sqlite")
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as rejected:
                print("split", "where", "id", "reason", "detail", "seconds", "path", "text",
                      sep="\t", file=rejected)  # fmt: skip
                # Test and dev come first: what they hold is a duplicate in train.
                for split in ("test", "dev", "train"):
                    if split in found.splits:
                        self._split(split, found, outside, store, rejected)
            os.replace(partial, rejected_path)
        finally:
            store.close()
            partial.unlink(missing_ok=True)
        order = [split for split in ("train", "dev", "test") if split in self.report.splits]
        self.report.splits = {split: self.report.splits[split] for split in order}
        for split in {"train", "dev", "test"} - set(order):
            (self.output / f"cuts_{split}.jsonl.gz").unlink(missing_ok=True)
        self._notes()
        self._shards()
        self.report.seconds_taken = time.monotonic() - began
        text = json.dumps(self.report.to_json(), ensure_ascii=False, indent=2) + "\n"
        report_partial = self.output / "report.json.partial"
        report_partial.write_text(text, encoding="utf-8")
        os.replace(report_partial, self.output / "report.json")
        return self.report

    def _split(
        self,
        split: str,
        found: Survey,
        outside: frozenset[str],
        store: FindingStore,
        rejected: IO[str],
    ) -> None:
        report = self.report.splits[split] = SplitReport()
        speakers: set[str] = set()
        total = found.rows[split]
        done = 0
        path = self.output / f"cuts_{split}.jsonl.gz"
        with ManifestWriter(path, shuffle=split == "train") as manifest:
            for row, finding in self._findings(found.read(split), store):
                done += 1
                if done % BATCH == 0:
                    self.progress(f"checking {split}", done, total)
                if isinstance(row, BadRow):
                    report.rejected.setdefault("unreadable row", Amount()).add(0.0)
                    _reject(rejected, split, row, ("unreadable row", row.detail), 0.0)
                    continue
                header = finding.header
                seconds = _seconds(row, header)
                letters = normalise(row.text, self.options.policy)
                verdict = self._verdict(split, row, finding, seconds, letters, found, outside)
                if verdict:
                    report.rejected.setdefault(verdict[0], Amount()).add(seconds)
                    _reject(rejected, split, row, verdict, seconds)
                    continue
                assert header is not None
                manifest.write(cut_record(self._named(row), header))
                report.kept.add(seconds)
                report.longest = max(report.longest, seconds)
                report.letters.update(letters)
                report.clips_with.update(set(letters))
                if row.speaker is not None:
                    speakers.add(row.speaker)
        report.speakers = len(speakers)
        self.progress(f"checking {split}", total, total)

    def _findings(
        self, rows: Iterable[Utterance | BadRow], store: FindingStore
    ) -> Iterator[tuple[Utterance | BadRow, Finding]]:
        """Each row with what its sound file holds, in order; files are looked at in processes."""
        decode = self.options.check_audio
        waiting: deque[list[Utterance | BadRow]] = deque()

        def asked() -> Iterator[Batch]:
            for group in batches(rows, BATCH):
                questions = [_question(row, decode) for row in group if _has_file(row)]
                known = store.look_up([question.key for question in questions])
                waiting.append(group)
                yield Batch(
                    [
                        Question(one.path, one.start, one.seconds, known.get(one.key))
                        for one in questions
                    ],
                    decode,
                )

        jobs = self.options.jobs or default_jobs()
        for findings in in_processes(inspect_batch, asked(), jobs, inspect_one_by_one):
            group = waiting.popleft()
            answers = iter(findings)
            fresh = []
            for row in group:
                if isinstance(row, BadRow):
                    yield row, Finding()
                elif not _has_file(row):  # sound inside an archive: the manifest is believed
                    yield row, Finding(header=row.header)
                else:
                    finding = next(answers)
                    self.report.files_reused += finding.reused
                    fresh.append((_question(row, decode), finding))
                    yield row, finding
            store.keep(fresh)

    def _verdict(
        self,
        split: str,
        row: Utterance,
        finding: Finding,
        seconds: float,
        letters: str,
        found: Survey,
        outside: frozenset[str],
    ) -> Verdict | None:
        """Why a clip is left out; None for one that is kept."""
        options = self.options
        place = hash_of(repr(row.piece))
        if place in self._seen:
            return "duplicate", f"listed before, in {self._seen[place]}"
        self._seen[place] = split
        if finding.fault:
            return finding.fault.reason, finding.fault.detail
        if finding.header is None or seconds <= 0:
            return "zero length", "no sound in the piece that the corpus names"
        if row.record is None or row.header is None:
            verdict = declared_verdict(row.declared_seconds, seconds)
        else:
            verdict = _record_verdict(row, finding.header)
        if verdict:
            return verdict
        if finding.digest is not None:
            sound = (finding.digest, finding.header.frames)
            if sound in self._sounds:
                return "duplicate", f"the same sound as {self._sounds[sound]}"
            self._sounds[sound] = row.where
        # Letters that only dev or test hold are no reason to make these easier than they are.
        verdict = text_verdict(
            letters, options.policy.digits, outside if split == "train" else None
        )
        if verdict or split != "train":
            return verdict
        verdict = length_verdict(seconds, letters, options.limits)
        if verdict:
            return verdict
        if found.shares_sentence(letters):
            return "sentence shared", letters[:80]
        if found.shares_speaker(row.speaker):
            return "speaker shared", row.speaker or ""
        return None

    def _named(self, row: Utterance) -> Utterance:
        """The utterance with an id that no kept one has: two folders can hold `0001.wav`."""
        if hash_of(row.id) in self._ids:
            row = replace(row, id=f"{row.id}-{zlib.crc32(row.audio.encode()):08x}")
            if row.record is not None:
                row = replace(row, record={**row.record, "id": row.id})
        self._ids.add(hash_of(row.id))
        return row

    def _notes(self) -> None:
        report = self.report
        for split, found in report.splits.items():
            if not found.kept.clips:
                report.notes.append(f"{split}: no clip is left; see rejected.tsv for the reasons")
        if "train" not in report.splits:
            report.notes.append(
                "no train split; --train-split names another one to train on"
                f" (there are: {', '.join(self.layout.splits)})"
            )

    def _shards(self) -> None:
        """Shards are written aside and moved into place whole; stale ones do not stay."""
        place, partial = self.output / "shards", self.output / "shards.partial"
        shutil.rmtree(partial, ignore_errors=True)
        if not self.options.shards:
            shutil.rmtree(place, ignore_errors=True)
            return
        for split, found in self.report.splits.items():
            if not found.kept.clips:
                continue
            records = (
                record
                for _, record in json_lines(self.output / f"cuts_{split}.jsonl.gz")
                if record is not None
            )
            done = iter(range(1, found.kept.clips + 1))

            def step(split: str = split, done: Iterator[int] = done) -> None:
                count = next(done)
                if count % BATCH == 0:
                    self.progress(f"shards of {split}", count, self.report.splits[split].kept.clips)

            found.shards = write_shards(records, partial / split, self.options.shard_size, step)
        shutil.rmtree(place, ignore_errors=True)
        if partial.exists():
            os.replace(partial, place)


def _has_file(row: Utterance | BadRow) -> bool:
    return isinstance(row, Utterance) and bool(row.audio)


def _question(row: Utterance | BadRow, decode: bool) -> Question:
    assert isinstance(row, Utterance)
    if not decode:  # the header is the same for all pieces of a file
        return Question(row.audio)
    if row.record is not None and row.header is not None:
        whole = row.start == 0 and abs((row.seconds or 0) - row.header.seconds) < 1e-3
        return Question(row.audio) if whole else Question(row.audio, row.start, row.seconds)
    return Question(row.audio, row.start, row.seconds)


def _seconds(row: Utterance, header: AudioHeader | None) -> float:
    """Length of the utterance: of its piece of the file; declared where there is no file."""
    if row.record is not None and row.seconds is not None:
        return row.seconds
    if header is None:
        return row.declared_seconds or row.seconds or 0.0
    rest = max(header.seconds - row.start, 0.0)
    return rest if row.seconds is None else min(rest, row.seconds)


def _record_verdict(row: Utterance, header: AudioHeader) -> Verdict | None:
    """Whether the file is still what the manifest says, as far as lhotse insists on it."""
    told = row.header
    if told is None or (row.record or {}).get("recording", {}).get("transforms"):
        return None  # rate and length are meant after the transform
    if told.sampling_rate != header.sampling_rate:
        return (
            "unreadable",
            f"{header.sampling_rate} Hz where the manifest says {told.sampling_rate} Hz",
        )
    if header.seconds < told.seconds - 0.5:
        return "truncated", f"{header.seconds:.2f} s, the manifest says {told.seconds:.2f} s"
    return None


def _outside(found: Survey, options: PrepareOptions) -> frozenset[str]:
    """Letters of train that clips must not hold."""
    if options.alphabet is not None:
        allowed = set(normalise(options.alphabet, options.policy)) | set(options.alphabet) | {" "}
        return frozenset(set(found.letters) - allowed)
    least = options.rare_share * found.letters.total()
    return frozenset(letter for letter, count in found.letters.items() if count < least)


def _reject(
    rejected: IO[str], split: str, row: Utterance | BadRow, verdict: Verdict, seconds: float
) -> None:
    cells = [split, row.where, "", *verdict, f"{seconds:.3f}", "", ""]
    if isinstance(row, Utterance):
        cells[2], cells[6], cells[7] = row.id, row.audio, row.text
    print("\t".join(" ".join(cell.split()) for cell in cells), file=rejected)
