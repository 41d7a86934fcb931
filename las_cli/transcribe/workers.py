"""Files in, transcripts out as each is done, recognised by several processes at once."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError

if TYPE_CHECKING:
    from las_cli.audio.segmentation import SegmentationOptions
    from las_cli.transcribe.transcriber import Finished, Transcriber

LOOK = 0.2  # seconds between two looks whether Ctrl-C was pressed


@dataclass(frozen=True)
class Recipe:
    """How to load a `Transcriber`: in this process or in another."""

    model: str = "en"
    device: str = "auto"
    lm: str | None = None
    threads: int | None = None
    segmentation: SegmentationOptions | None = None
    batch: int | None = None  # pieces recognised at a time
    keep_doubtful: bool = False  # words that nothing but the speller supports
    decoding: dict[str, Any] = field(default_factory=dict)  # overrides of DecodingOptions
    readings: int = 1  # n-best, where `decoding` names none: up to so many, as the search has them
    plain: bool = False  # without the written form
    numbers: str = "words"  # or digits, or digits:LANGUAGE

    def load(self) -> Transcriber:
        """Raises LasError as `Transcriber.load` does."""
        from las_cli.transcribe.transcriber import Transcriber

        transcriber = Transcriber.load(
            self.model,
            self.device,
            lm=self.lm,
            segmentation=self.segmentation,
            batch=self.batch,
            plain=self.plain,
            numbers=self.numbers,
            threads=self.threads,
            keep_doubtful=self.keep_doubtful,
            **self.decoding,
        )
        if "nbest" not in self.decoding:
            transcriber.ask_readings(self.readings)
        return transcriber


def follow_with_workers(
    recipe: Recipe,
    paths: Sequence[str],
    jobs: int,
    note: Callable[[str], None] = lambda sentence: None,
) -> Iterator[Finished]:
    """What `Transcriber.follow` says of finished files, by `jobs` processes, as each is done.

    Each process loads the model itself and gets an equal share of the cores, unless the recipe
    names a number of threads. It takes a file when it has room for one, so that none waits for the
    others. A process that dies fails the files it had. Ctrl-C ends all at once: what was finished
    until then is still given, then KeyboardInterrupt raised. `note` is told once what the model
    cannot follow. Raises LasError where the model cannot be loaded, or all processes have died.
    """
    jobs = max(1, min(jobs, len(paths)))
    if recipe.threads is None:
        recipe = dataclasses.replace(recipe, threads=max(1, (os.cpu_count() or 1) // jobs))
    with _Interruption() as interruption:
        workers = _Workers(recipe, paths, jobs, note)
        try:
            while workers.alive and not interruption.asked:
                yield from workers.news(LOOK)
            if interruption.asked:
                workers.kill()
                yield from workers.news(None)
                raise KeyboardInterrupt
        finally:
            workers.kill()


def in_order(events: Iterator[Finished]) -> Iterator[Finished]:
    """The same by the places of the recordings: each waits for those before it."""
    waiting: dict[int, Finished] = {}
    place = 0
    for event in events:
        waiting[event.place] = event
        while place in waiting:
            yield waiting.pop(place)
            place += 1


class _Interruption:
    """As a context: Ctrl-C is noted; the second one raises KeyboardInterrupt, as it usually does.

    The processes of a terminal all hear of Ctrl-C. What is finished lies in pipes then, and an
    exception at any place could lose it.
    """

    asked = False

    def __enter__(self) -> _Interruption:
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if callable(self._before):
                signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        if callable(self._before):
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class _Workers:
    """The processes, the files that are left for them, and what each has in hand."""

    def __init__(
        self, recipe: Recipe, paths: Sequence[str], jobs: int, note: Callable[[str], None]
    ) -> None:
        self._paths, self._note = paths, note
        self._noted = False
        self._left = iter(range(len(paths)))
        self._processes: dict[Connection, Any] = {}
        self._in_hand: dict[Connection, list[int]] = {}
        # A forked process would inherit torch's thread pools in an unusable state.
        context = multiprocessing.get_context("spawn")
        with _interrupts_held():  # or Ctrl-C would be a traceback of each while it starts
            for _ in range(jobs):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(recipe, theirs), daemon=True)
                process.start()
                theirs.close()  # else its end would not be heard of
                self._processes[ours] = process
                self._in_hand[ours] = []

    @property
    def alive(self) -> bool:
        return bool(self._processes)

    def news(self, seconds: float | None) -> Iterator[Finished]:
        """What has been finished, waiting so long for something; None: all there will ever be."""
        while self._processes:
            ready = wait(list(self._processes), seconds)
            for connection in ready:
                assert isinstance(connection, Connection)
                yield from self._hear(connection)
            if seconds is not None:
                return

    def _hear(self, connection: Connection) -> Iterator[Finished]:
        from las_cli.transcribe.transcriber import Finished

        try:
            message = connection.recv()
            if message is None:  # room for one more
                place = next(self._left, None)
                if place is not None:
                    self._in_hand[connection].append(place)
                connection.send(None if place is None else (place, self._paths[place]))
                return
        except (EOFError, OSError):
            yield from self._ended(connection)
            return
        if isinstance(message, LasError):
            raise message
        if isinstance(message, list):  # notes; every process has the same
            for sentence in () if self._noted else message:
                self._note(sentence)
            self._noted = True
            return
        assert isinstance(message, Finished)
        self._in_hand[connection].remove(message.place)
        yield message

    def _ended(self, connection: Connection) -> Iterator[Finished]:
        from las_cli.transcribe.transcriber import Finished

        process = self._processes.pop(connection)
        connection.close()
        process.join(5)
        lost = self._in_hand.pop(connection)
        if self._killed:
            return
        if process.exitcode and not self._processes:
            left = len(lost) + sum(1 for _ in self._left)
            raise LasError(
                f"all worker processes died, perhaps for want of memory; {left} recordings are "
                "not done: use fewer processes"
            )
        for place in lost:
            yield Finished(place, None, LasError(
                f"{self._paths[place]}: the worker process that had it died, perhaps for want of "
                "memory; use fewer processes"
            ))  # fmt: skip

    _killed = False

    def kill(self) -> None:
        """End them at once; what they have sent can still be heard."""
        self._killed = True
        for process in self._processes.values():
            process.kill()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block; processes that are started in it never hear it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(recipe: Recipe, connection: Connection) -> None:
    """In a worker process: ask for files until there are none, send what each has become."""
    from las_cli.orphans import end_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be held
    end_with_parent()
    try:
        transcriber = recipe.load()
    except LasError as error:
        connection.send(error)
        return
    from las_cli.transcribe.transcriber import Finished

    connection.send(list(transcriber.recogniser.decoder.notes))
    places: list[int] = []  # of all files that this process was given

    def files() -> Iterator[str]:
        while True:
            connection.send(None)
            given = connection.recv()
            if given is None:
                return
            places.append(given[0])
            yield given[1]

    for event in transcriber.follow(files()):
        if isinstance(event, Finished):
            connection.send(event._replace(place=places[event.place]))
