"""A corpus in; manifests of its usable clips, a list of the others and a report out."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from las_cli.corpus.checks import Verdict
from las_cli.corpus.cuts import cut_record
from las_cli.corpus.findings import FindingStore, findings_of
from las_cli.corpus.headers import default_jobs
from las_cli.corpus.layout import MAIN_SPLITS, Layout
from las_cli.corpus.manifest_writer import ManifestWriter
from las_cli.corpus.manifests import json_lines
from las_cli.corpus.preparation_report import (
    Amount,
    PreparationReport,
    SplitReport,
    language_notes,
    slow_note,
)
from las_cli.corpus.prepared import read_report
from las_cli.corpus.shards import Shards, write_shards
from las_cli.corpus.sieve import PrepareOptions, Sieve, seconds_of
from las_cli.corpus.survey import Survey, survey
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError
from las_cli.folder_lock import FolderLock
from las_cli.text.normalise import normalise

STEP = 200  # clips between two calls of `progress`
FINDINGS = "findings.sqlite"  # in the output folder from the beginning of a run
ASIDE = "prepare.partial"  # folder in the output that holds everything else until it is whole
OnProgress = Callable[[str, int, int], None]  # what is done, clips done, clips in all


def prepare(
    layout: Layout,
    output: Path,
    options: PrepareOptions | None = None,
    progress: OnProgress = lambda stage, done, total: None,
) -> PreparationReport:
    """Check every clip of a corpus and write `cuts_SPLIT.jsonl.gz`, `rejected.tsv`,
    `report.json` and perhaps `shards/SPLIT/` into `output`.

    What the run before found out about a file is reused while its size and time of change are the
    same. Memory: some 200 bytes a clip (hashes of what was seen), nothing of the audio.
    """
    options = _with_language(options or PrepareOptions(), layout)
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
    if layout.folder.is_file() and output.resolve() == layout.folder.resolve().parent:
        raise LasError(
            f"{output}: the output must be another folder than that of {layout.folder.name}, "
            "which stays as it is"
        )
    try:
        if read_report(output) is None and (foreign := _foreign(output)):
            raise LasError(
                f"{output}: holds a {foreign} that is not from `las prepare`; choose another output"
            )
        lock = FolderLock(output, "`las prepare`")
        try:
            return _Preparation(layout, output, options, progress).run(began)
        finally:
            lock.release(clean=True)
    except OSError as error:
        raise LasError(
            f"{error.filename or output}: cannot be written or read ({error.strerror or error}); "
            "what an earlier run wrote there is as it was"
        ) from error


def _with_language(options: PrepareOptions, layout: Layout) -> PrepareOptions:
    """The options with the language of the corpus, where its capitals are others."""
    if options.policy.language or not (language := layout.casing_language()):
        return options
    return replace(options, policy=replace(options.policy, language=language))


class _Preparation:
    def __init__(
        self, layout: Layout, output: Path, options: PrepareOptions, progress: OnProgress
    ) -> None:
        self.layout, self.output, self.options = layout, output, options
        self.aside = output / ASIDE
        self.progress = progress
        self.report = PreparationReport(
            corpus=str(layout.folder),
            kind=layout.kind,
            policy=options.policy,
            limits=options.limits,
            check_audio=options.check_audio,
            notes=list(layout.notes) + language_notes(options.policy),
        )

    def run(self, began: float) -> PreparationReport:
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
        shutil.rmtree(self.aside, ignore_errors=True)  # of a run that was killed
        try:
            self.aside.mkdir()
            self._check(found, Sieve(found, options))
            order = [split for split in MAIN_SPLITS if split in self.report.splits]
            self.report.splits = {split: self.report.splits[split] for split in order}
            self._notes()
            if options.shards:
                self._shards()
            self.report.seconds_taken = time.monotonic() - began
            text = json.dumps(self.report.to_json(), ensure_ascii=False, indent=2) + "\n"
            (self.aside / "report.json").write_text(text, encoding="utf-8")
            self._move()
        finally:
            shutil.rmtree(self.aside, ignore_errors=True)
        return self.report

    def _check(self, found: Survey, sieve: Sieve) -> None:
        store = FindingStore(self.output / FINDINGS)
        try:
            with open(self.aside / "rejected.tsv", "w", encoding="utf-8", newline="\n") as rejected:
                print("split", "where", "id", "reason", "detail", "seconds", "path", "text",
                      sep="\t", file=rejected)  # fmt: skip
                # Test and dev come first: what they hold is a duplicate in train.
                for split in ("test", "dev", "train"):
                    if split in found.splits:
                        self._split(split, found, sieve, store, rejected)
        finally:
            store.close()

    def _move(self) -> None:
        """All files into place, when all are whole: a full disk leaves those of the run before."""
        manifests = [f"cuts_{split}.jsonl.gz" for split in MAIN_SPLITS]
        try:
            if (self.output / "shards").exists():  # stale ones would be read instead
                os.replace(self.output / "shards", self.aside / "shards before")
            for name in (*manifests, "shards", "rejected.tsv", "report.json"):
                if (self.aside / name).exists():
                    os.replace(self.aside / name, self.output / name)
                else:
                    (self.output / name).unlink(missing_ok=True)
        except OSError as error:
            raise LasError(
                f"{error.filename or self.output}: cannot be moved into place ({error.strerror}); "
                "some files there are new and some of an earlier run, so prepare it again"
            ) from error

    def _split(
        self,
        split: str,
        found: Survey,
        sieve: Sieve,
        store: FindingStore,
        rejected: IO[str],
    ) -> None:
        report = self.report.splits[split] = SplitReport()
        speakers: set[str] = set()
        jobs = self.options.jobs or default_jobs()
        total = found.rows[split]
        done = 0
        path = self.aside / f"cuts_{split}.jsonl.gz"
        with ManifestWriter(path, shuffle=split == "train") as manifest:
            rows = found.read(split)
            for row, finding in findings_of(rows, store, self.options.check_audio, jobs):
                done += 1
                if done % STEP == 0:
                    self.progress(f"checking {split}", done, total)
                if isinstance(row, BadRow):
                    report.rejected.setdefault("unreadable row", Amount()).add(0.0)
                    _reject(rejected, split, row, ("unreadable row", row.detail), 0.0)
                    continue
                header = finding.header
                self.report.files_reused += finding.reused
                seconds = seconds_of(row, header)
                letters = normalise(row.text, self.options.policy)
                verdict = sieve.verdict(split, row, finding, seconds, letters)
                if verdict:
                    report.rejected.setdefault(verdict[0], Amount()).add(seconds)
                    _reject(rejected, split, row, verdict, seconds)
                    continue
                assert header is not None
                manifest.write(cut_record(sieve.named(row), header))
                report.kept.add(seconds)
                report.slow += header.slow
                report.longest = max(report.longest, seconds)
                report.letters.update(letters)
                report.clips_with.update(set(letters))
                if row.speaker is not None:
                    speakers.add(row.speaker)
        report.speakers = len(speakers)
        self.progress(f"checking {split}", total, total)

    def _notes(self) -> None:
        report = self.report
        for split, found in report.splits.items():
            if not found.kept.clips:
                report.notes.append(f"{split}: no clip is left; see rejected.tsv for the reasons")
        if slow := sum(found.slow for found in report.splits.values()):
            report.notes.append(slow_note(slow, self.options.shards))
        if "train" not in report.splits:
            report.notes.append(
                "no train split; --train-split names another one to train on"
                f" (there are: {', '.join(self.layout.splits)})"
            )

    def _shards(self) -> None:
        for split, found in self.report.splits.items():
            if not found.kept.clips:
                continue
            records = (
                record
                for _, record in json_lines(self.aside / f"cuts_{split}.jsonl.gz")
                if record is not None
            )
            done = iter(range(1, found.kept.clips + 1))

            def step(split: str = split, done: Iterator[int] = done) -> None:
                count = next(done)
                if count % STEP == 0:
                    self.progress(f"shards of {split}", count, self.report.splits[split].kept.clips)

            place = self.aside / "shards" / split
            found.shards = write_shards(records, place, self.options.shard_size, step)


def _foreign(output: Path) -> str | None:
    """A file in `output` that a run would replace or delete, where no run has written there."""
    if (output / "report.json").is_file():
        return "report.json"
    if (output / FINDINGS).is_file():  # a first run that was killed leaves no report
        return None
    files = (*sorted(output.glob("cuts_*.jsonl.gz")), output / "rejected.tsv", output / "shards")
    return next((file.name for file in files if file.exists()), None)


def _reject(
    rejected: IO[str], split: str, row: Utterance | BadRow, verdict: Verdict, seconds: float
) -> None:
    cells = [split, row.where, "", *verdict, f"{seconds:.3f}", "", ""]
    if isinstance(row, Utterance):
        cells[2], cells[6], cells[7] = row.id, row.audio, row.text
    print("\t".join(" ".join(cell.split()) for cell in cells), file=rejected)
