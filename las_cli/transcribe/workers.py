"""Files in, transcripts out in the same order, recognised by several processes at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError

if TYPE_CHECKING:
    from las_cli.audio.segmentation import SegmentationOptions
    from las_cli.transcribe.transcriber import Finished, Transcriber

# What a worker gives back: notes of its decoder, and what became of the files.
Chunk = tuple[tuple[str, ...], list["Finished"]]

CHUNK = 8  # files a worker takes at a time, so that short clips share batches


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
    """What `Transcriber.follow` says of finished files, by `jobs` processes.

    Each process loads the model itself and gets an equal share of the cores, unless the recipe
    names a number of threads. `note` is told once what the model cannot follow. Raises LasError
    where the model cannot be loaded, or a process dies.
    """
    import dataclasses

    from las_cli.transcribe.transcriber import Finished

    jobs = max(1, min(jobs, len(paths)))
    if recipe.threads is None:
        recipe = dataclasses.replace(recipe, threads=max(1, (os.cpu_count() or 1) // jobs))
    size = max(1, min(CHUNK, len(paths) // (4 * jobs)))
    # A forked process would inherit torch's thread pools in an unusable state.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _start, (recipe,)) as pool:
        try:
            # A process can die while others are still handed their files.
            chunks: list[tuple[int, Future[Chunk]]] = [
                (first, pool.submit(_work, list(paths[first : first + size])))
                for first in range(0, len(paths), size)
            ]
            for first, chunk in chunks:
                notes, events = chunk.result()
                for sentence in notes if first == 0 else ():  # every worker says the same
                    note(sentence)
                for event in events:
                    yield Finished(first + event.place, event.transcript, event.error)
        except BrokenProcessPool:
            raise LasError(
                "a worker process died, perhaps for want of memory; use fewer --jobs"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_transcriber: Transcriber | LasError | None = None  # of this worker process


def _start(recipe: Recipe) -> None:
    global _transcriber
    try:
        _transcriber = recipe.load()
    except LasError as error:
        _transcriber = error  # an initialiser that raises would only break the pool


def _work(paths: list[str]) -> Chunk:
    from las_cli.transcribe.transcriber import Finished

    if isinstance(_transcriber, LasError):
        raise _transcriber
    assert _transcriber is not None
    events = [event for event in _transcriber.follow(paths) if isinstance(event, Finished)]
    return _transcriber.recogniser.decoder.notes, events
