"""Findings on sound files, kept between two runs of `las prepare` in an SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from las_cli.corpus.headers import AudioFault, AudioHeader, in_batches, in_processes
from las_cli.corpus.inspection import (
    Finding,
    Question,
    QuestionBatch,
    inspect_batch,
    inspect_one_by_one,
)
from las_cli.corpus.utterance import BadRow, Utterance

BATCH = 200  # clips handed to a process at a time

SCHEMA = """CREATE TABLE IF NOT EXISTS findings (
    key TEXT PRIMARY KEY, size INTEGER, changed INTEGER,
    rate INTEGER, frames INTEGER, channels INTEGER,
    reason TEXT, detail TEXT, decoded INTEGER, digest INTEGER, slow INTEGER) WITHOUT ROWID"""
COLUMNS = "key, size, changed, rate, frames, channels, reason, detail, decoded, digest, slow"


class FindingStore:
    """What the last run found out about each file.

    A damaged store is started anew. One that cannot be used at all (locked by another run, on a
    disk without locks) is done without: it only saves time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        for attempt in range(2):
            try:
                self._connection = self._open()
                return
            except sqlite3.OperationalError:
                return
            except sqlite3.DatabaseError:
                if attempt == 0:
                    path.unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=1.0)
        # Losing it costs a second look at the files, so it need not be safe against power cuts.
        connection.execute("PRAGMA synchronous=OFF")
        there = [row[1] for row in connection.execute("PRAGMA table_info(findings)")]
        if there and "slow" not in there:  # of an earlier version
            connection.execute("DROP TABLE findings")
        connection.execute(SCHEMA)
        connection.execute(f"SELECT {COLUMNS} FROM findings LIMIT 1").fetchall()
        return connection

    def look_up(self, keys: Sequence[str]) -> dict[str, Finding]:
        """The findings kept under `keys`."""
        if self._connection is None:
            return {}
        marks = ",".join("?" * len(keys))
        try:
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM findings WHERE key IN ({marks})", list(keys)
            )
            known = {row[0]: _finding(row) for row in rows}
            return {key: finding for key, finding in known.items() if finding.lasting}
        except sqlite3.Error:
            return {}

    def keep(self, answers: Sequence[tuple[Question, Finding]]) -> None:
        """Store fresh findings; that a file was missing or unreadable is not remembered."""
        if self._connection is None:
            return
        fresh = [
            _row(question.key, finding)
            for question, finding in answers
            if not finding.reused and finding.lasting
        ]
        try:
            self._connection.executemany(
                f"INSERT OR REPLACE INTO findings ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", fresh
            )
            self._connection.commit()  # an interrupted run has not looked in vain
        except sqlite3.Error:
            self.close()

    def close(self) -> None:
        """Write what is kept; the store is not used after that."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.commit()
            connection.close()


def _finding(row: tuple) -> Finding:  # type: ignore[type-arg]
    _, size, changed, rate, frames, channels, reason, detail, decoded, digest, slow = row
    return Finding(
        size,
        changed,
        AudioHeader(rate, frames, channels, bool(slow)) if rate else None,
        AudioFault(reason, detail) if reason else None,
        bool(decoded),
        digest,
        reused=True,
    )


def _row(key: str, finding: Finding) -> tuple[object, ...]:
    header, fault = finding.header, finding.fault
    return (
        key,
        finding.size,
        finding.changed,
        *((header.sampling_rate, header.frames, header.channels) if header else (None,) * 3),
        *((fault.reason, fault.detail) if fault else (None, None)),
        int(finding.decoded),
        finding.digest,
        int(header.slow) if header else None,
    )


def findings_of(
    rows: Iterable[Utterance | BadRow], store: FindingStore, decode: bool, jobs: int
) -> Iterator[tuple[Utterance | BadRow, Finding]]:
    """Each row with what its sound file holds, in order.

    The files are looked at in `jobs` processes, by their headers or, with `decode`, by all their
    samples; those that `store` knows and that have not changed are not opened.
    """
    waiting: deque[list[Utterance | BadRow]] = deque()

    def asked() -> Iterator[QuestionBatch]:
        for group in in_batches(rows, BATCH):
            questions = [_question(row, decode) for row in group if _has_file(row)]
            known = store.look_up([question.key for question in questions])
            waiting.append(group)
            asking = [replace(one, known=known.get(one.key)) for one in questions]
            yield QuestionBatch(asking, decode)

    for findings in in_processes(inspect_batch, asked(), jobs, inspect_one_by_one):
        answers = iter(findings)
        fresh = []
        for row in waiting.popleft():
            if isinstance(row, BadRow):
                yield row, Finding()
            elif not _has_file(row):  # sound inside an archive: the manifest is believed
                yield row, Finding(header=row.header)
            else:
                finding = next(answers)
                fresh.append((_question(row, decode), finding))
                yield row, finding
        store.keep(fresh)


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
