"""A model and a corpus split in; time, memory and texts of each way to search out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.errors import LasError
from las_cli.memory import peak_memory

COLD_SECONDS = 5.0  # the clip nearest to this length is recognised from a cold start


@dataclass(frozen=True)
class Contender:
    """A way to recognise a split: a search of ours, or another program for comparison."""

    name: str
    search: Mapping[str, Any] = field(default_factory=dict)  # laid over the model's options
    lm: str | None = None  # as in load_recogniser
    program: str = "las"  # a key of las_cli.benchmark.competitors.PROGRAMS otherwise


@dataclass(frozen=True)
class Measured:
    """What one contender did. Its process did nothing else, so memory and load time are its own."""

    contender: Contender
    references: tuple[str, ...]
    hypotheses: tuple[str, ...]
    audio_seconds: float
    wall_seconds: float  # reading, recognising
    load_seconds: float  # imports and weights
    peak_bytes: int  # resident memory of the process, at most
    model_bytes: int  # of the files it read
    failure: str = ""  # one sentence where it did not run

    @property
    def real_time_factor(self) -> float:
        return self.wall_seconds / self.audio_seconds if self.audio_seconds else float("nan")


@dataclass(frozen=True)
class ColdStart:
    """Seconds from a shell prompt to the words of one clip."""

    clip: float  # seconds of sound
    imports: float  # interpreter and packages
    load: float  # model and language model
    recognise: float
    total: float


def contenders(has_lm: bool, others: bool = True) -> list[Contender]:
    """What `las benchmark decode` compares: our searches, and other programs that are installed."""
    from las_cli.benchmark.competitors import PROGRAMS

    beam = {"search": "beam", "beam": 8}
    found = [
        Contender("as the model is set"),
        Contender("greedy", {"search": "greedy"}, "none"),
        Contender("greedy int8", {"search": "greedy", "precision": "int8"}, "none"),
        Contender("ctc, beam 1", {"search": "ctc", "beam": 1}, "none"),
        Contender("ctc, beam 8", {"search": "ctc", "beam": 8}),
        Contender("rescore 8", {"search": "rescore", "beam": 8}),
        Contender("beam 8, no lm", beam, "none"),
    ]
    if has_lm:
        found.append(Contender("beam 8 + lm", beam))
    if others:
        found += [
            Contender(program.title, program=name)
            for name, program in PROGRAMS.items()
            if find_spec(program.module) is not None
        ]
    return found


def measure_searches(
    model: str,
    data: Path,
    split: str,
    *,
    clips: int | None = None,
    threads: int | None = None,
    chosen: Sequence[Contender] | None = None,
    report: Callable[[Measured], None] | None = None,
) -> list[Measured]:
    """Let each contender recognise the same clips, one after another, each in a new process.

    clips: at most so many, spread over the split; None is all
    threads: of the CPU; None is all cores
    chosen: by default all of `contenders`
    report: called after each contender
    A contender that fails has `failure` set; the others are still measured.
    """
    if chosen is None:
        from las_cli.language.store import CONFIG
        from las_cli.sharing.find import find_model

        chosen = contenders((find_model(model) / CONFIG).is_file())
    results = []
    for contender in chosen:
        results.append(_in_new_process(contender, model, data, split, clips, threads))
        if report:
            report(results[-1])
    return results


def cold_start(model: str, data: Path, split: str, threads: int | None = None) -> ColdStart:
    """Recognise one clip of about 5 s in a new process, from launch to its last word."""
    import soundfile

    from las_cli.corpus import load_corpus, read_cut

    cut = min(load_corpus(data).cuts(split), key=lambda cut: abs(cut.duration - COLD_SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        soundfile.write(path, read_cut(cut, SAMPLE_RATE).numpy(), SAMPLE_RATE)
        started = time.time()
        done = subprocess.run(
            [sys.executable, "-c", _COLD, model, str(path), str(threads or 0)],
            env=_environment(threads),
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        total = time.time() - started
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LasError(f"cold start with {model}: failed ({last})")
    imported, loaded, recognised = json.loads(done.stdout.splitlines()[-1])
    return ColdStart(
        clip=cut.duration,
        imports=imported - started,
        load=loaded - imported,
        recognise=recognised - loaded,
        total=total,
    )


_COLD = """
import json, sys, time
from las_cli.transcribe.transcriber import Transcriber
times = [time.time()]
transcriber = Transcriber.load(sys.argv[1], threads=int(sys.argv[3]) or None)
times.append(time.time())
transcriber.transcribe(sys.argv[2])
times.append(time.time())
print(json.dumps(times))
"""


def _in_new_process(
    contender: Contender, model: str, data: Path, split: str, clips: int | None, threads: int | None
) -> Measured:
    before = dict(os.environ)
    os.environ.update(_environment(threads))  # read by OpenMP when the child starts
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_run, contender, model, data, split, clips, threads).result()
    except (LasError, BrokenProcessPool, OSError, ImportError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Measured(contender, (), (), 0.0, 0.0, 0.0, 0, 0, failure=reason)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _environment(threads: int | None) -> dict[str, str]:
    count = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    return dict(os.environ) | count


def _run(
    contender: Contender, model: str, data: Path, split: str, clips: int | None, threads: int | None
) -> Measured:
    """In the new process: load, recognise, say what it took."""
    from las_cli.corpus import load_corpus, spread_cuts

    cuts = spread_cuts(list(load_corpus(data).cuts(split)), clips)
    started = time.perf_counter()
    if contender.program != "las":
        from las_cli.benchmark.competitors import PROGRAMS

        return _run_other(contender, PROGRAMS[contender.program], cuts, threads or 0)
    from las_cli.evaluation.decode_split import decode_split
    from las_cli.language.store import WEIGHTS as LM_WEIGHTS
    from las_cli.recogniser import load_recogniser
    from las_cli.saved_model.names import WEIGHTS

    recogniser = load_recogniser(model, lm=contender.lm, threads=threads, **contender.search)
    loaded = time.perf_counter() - started
    decoded = decode_split(recogniser, cuts)
    folder = recogniser.loaded.folder
    files = [folder / WEIGHTS, *([folder / LM_WEIGHTS] if recogniser.lm else [])]
    return Measured(
        contender,
        tuple(decoded.references),
        tuple(decoded.hypotheses),
        decoded.audio_seconds,
        decoded.wall_seconds,
        loaded,
        peak_memory(),
        sum(path.stat().st_size for path in files if path.is_file()),
    )


def _run_other(contender: Contender, program: Any, cuts: Sequence[Any], threads: int) -> Measured:
    from las_cli.corpus import read_cut

    started = time.perf_counter()
    recognise, size = program.load(threads)
    loaded = time.perf_counter() - started
    started, seconds = time.perf_counter(), 0.0
    references, hypotheses = [], []
    for cut in cuts:
        waveform = read_cut(cut, SAMPLE_RATE).numpy()
        seconds += len(waveform) / SAMPLE_RATE
        hypotheses.append(recognise(waveform))
        references.append(cut.supervisions[0].text or "")
    wall = time.perf_counter() - started
    return Measured(
        contender, tuple(references), tuple(hypotheses), seconds, wall, loaded, peak_memory(), size
    )
