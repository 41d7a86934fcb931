"""A list of recordings in, output files out: what is left to do, who does it, what went wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from las_cli.errors import LasError, UsageError
from las_cli.files import require_folder, sha256_of
from las_cli.ledger import Ledger
from las_cli.output import OutputNames, OutputOptions, make_writer
from las_cli.transcribe.inputs import Input
from las_cli.transcript import Transcript


@dataclass(frozen=True)
class Share:
    """Which of several processes this one is, as torchrun tells it."""

    rank: int = 0
    world_size: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Share:
        """From RANK and WORLD_SIZE; one process alone without them. UsageError for nonsense."""
        try:
            rank = int(environment.get("RANK", "0"))
            world_size = int(environment.get("WORLD_SIZE", "1"))
        except ValueError:
            rank, world_size = -1, 0
        if not 0 <= rank < world_size:
            raise UsageError(
                f"RANK={environment.get('RANK')} and WORLD_SIZE={environment.get('WORLD_SIZE')} "
                "in the environment are no share of a job; unset them"
            )
        return cls(rank, world_size)


@dataclass
class Tally:
    """What became of the recordings."""

    done: int = 0
    skipped: int = 0
    incomplete: int = 0  # of those done, because sound is missing from them
    seconds: float = 0.0  # of audio recognised
    failures: list[LasError] = field(default_factory=list)


class Worklist:
    """The recordings of one run that this process has to do, and where their transcripts go."""

    def __init__(
        self,
        inputs: Sequence[Input],
        formats: Sequence[str],
        folder: Path | None,
        options: OutputOptions | None = None,
        skip_done: bool = False,
        share: Share | None = None,
        overwrite: bool = False,
    ) -> None:
        """Plan the run, and look before it whether all outputs can be written.

        folder: where outputs are written; None: nowhere
        skip_done: leave out recordings of which every output is there
        share: of how many processes this is which; every one plans the same names
        overwrite: also replace files that las did not write, or that were changed since
        Raises LasError if `folder` cannot be written; recordings whose own outputs cannot are in
        `refused` in place of `inputs`.
        """
        self.folder = folder
        if folder is not None:
            require_folder(folder, advice="choose another folder.")
        self.refused: list[LasError] = []
        self._ledger = None if overwrite else Ledger()
        self._writable: dict[Path, LasError | None] = {}
        self.writers = [make_writer(name, options) for name in formats]
        self.tally = Tally()
        share = share or Share()
        names = OutputNames([(entry.path, entry.folder) for entry in inputs])
        self._names: list[Path] = []
        self.inputs: list[Input] = []
        for place in range(share.rank, len(inputs), share.world_size):
            if skip_done and folder is not None and self._is_done(names[place]):
                self.tally.skipped += 1
            elif (problem := self._problem(names[place])) is not None:
                self.refused.append(problem)
            else:
                self.inputs.append(inputs[place])
                self._names.append(names[place])

    def name(self, place: int) -> Path:
        """What tells recording `place` of `inputs` from the others: its file's name, or a path."""
        return self._names[place]

    def outputs(self, place: int) -> list[Path]:
        """The files that recording `place` of `inputs` is written to, one a format."""
        return self._paths(self._names[place])

    def _paths(self, name: Path) -> list[Path]:
        if self.folder is None:
            return []
        return [
            self.folder / name.with_name(f"{name.name}.{writer.name}") for writer in self.writers
        ]

    def _is_done(self, name: Path) -> bool:
        # Outputs are written atomically: a file that is there is whole.
        return all(path.is_file() for path in self._paths(name))

    def _problem(self, name: Path) -> LasError | None:
        """Why the outputs of a recording could not be written; hours are in them afterwards."""
        try:
            for path in self._paths(name):
                if path.parent not in self._writable:
                    self._writable[path.parent] = _folder_problem(path.parent)
                if (problem := self._writable[path.parent]) is not None:
                    return problem
                if self._ledger is not None:
                    for one in _with_copy(path):
                        self._ledger.require_own(one)
                elif path.is_dir():
                    return LasError(f"{path}: a folder has that name; write into another folder")
                os.lstat(path)  # a name that is too long, say
        except FileNotFoundError:
            pass
        except LasError as error:
            return error
        except OSError as error:
            return LasError(f"{path}: cannot be written ({error.strerror}); choose another folder.")
        return None

    def finish(self, place: int, transcript: Transcript) -> None:
        """Write the outputs of recording `place` and count it. Raises LasError if that fails."""
        ledger = self._ledger or Ledger()
        for writer, path in zip(self.writers, self.outputs(place), strict=False):
            if self._ledger is not None:
                for one in _with_copy(path):
                    ledger.require_own(one)  # it may have come since
            writer.write(transcript, path)
            for one in _with_copy(path):
                if one.is_file():
                    ledger.note(one, sha256_of(one))
        self.tally.done += 1
        self.tally.incomplete += transcript.is_incomplete
        self.tally.seconds += transcript.duration

    def fail(self, error: LasError) -> None:
        """Count a recording that could not be done."""
        self.tally.failures.append(error)


def _folder_problem(folder: Path) -> LasError | None:
    try:
        require_folder(folder, advice="choose another folder.")
    except LasError as error:
        return error
    return None


def _with_copy(path: Path) -> tuple[Path, ...]:
    """An output, and the copy of its recording that may lie beside a page."""
    copy = path.with_name(f"{path.name}.flac")
    return (path, copy) if path.suffix == ".html" else (path,)
