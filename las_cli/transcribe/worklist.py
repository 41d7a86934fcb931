"""A list of recordings in, output files out: what is left to do, who does it, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from las_cli.errors import LasError, UsageError
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
    ) -> None:
        """Plan the run.

        folder: where outputs are written; None: nowhere
        skip_done: leave out recordings of which every output is there
        share: of how many processes this is which; every one plans the same names
        """
        self.folder = folder
        self.writers = [make_writer(name, options) for name in formats]
        self.tally = Tally()
        share = share or Share()
        names = OutputNames([(entry.path, entry.folder) for entry in inputs])
        self._names: list[Path] = []
        self.inputs: list[Input] = []
        for place in range(share.rank, len(inputs), share.world_size):
            if skip_done and folder is not None and self._is_done(names[place]):
                self.tally.skipped += 1
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

    def finish(self, place: int, transcript: Transcript) -> None:
        """Write the outputs of recording `place` and count it. Raises LasError if that fails."""
        for writer, path in zip(self.writers, self.outputs(place), strict=False):
            writer.write(transcript, path)
        self.tally.done += 1
        self.tally.incomplete += transcript.is_incomplete
        self.tally.seconds += transcript.duration

    def fail(self, error: LasError) -> None:
        """Count a recording that could not be done."""
        self.tally.failures.append(error)
