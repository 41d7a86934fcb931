"""States that a strong recogniser had for the training clips in, targets for the listener out.

A folder of states (written by models/en/make_teacher.py) holds index.json, with the file, the
first row and the rows of each clip, and safetensors files with `states` [N, D] in 8 bits, `mean`
and `scale` [D] so that state = mean + scale · number, 127 for 4 standard deviations.

Only training needs a teacher: it heard the clip as it is, the listener the augmented one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.errors import LasError
from las_cli.files import read_json
from las_cli.network.config import LASConfig

if TYPE_CHECKING:
    from las_cli.network.las import LAS, Output

INDEX = "index.json"
DEVIATIONS = 4.0  # standard deviations that 127 stands for
SLACK = 0.25  # seconds that a clip may be longer than its states; beyond, it is another clip


class Targets(NamedTuple):
    """What the listener is led to."""

    states: Tensor  # standardised, float16, [T, D] or [B, T, D]
    taught: Tensor  # True where there is a target, [T] or [B, T]


@dataclass(frozen=True)
class StepGrid:
    """When the listener's steps are: frames are centred, and so is what joins them."""

    hop: int  # samples from one feature frame to the next
    reduction: int  # frames a step
    first: float  # frame, or between two, in the middle of step 0

    @classmethod
    def of(cls, config: LASConfig) -> StepGrid:
        """That of a network."""
        listener = config.listener
        return cls(config.features.hop, listener.reduction, listener.first_frame)

    def steps(self, samples: int) -> int:
        """Listener steps of a waveform."""
        return -(-(samples // self.hop + 1) // self.reduction)

    def times(self, samples: int) -> Tensor:
        """Seconds at which the steps of a waveform have their middles, [T]."""
        frames = torch.arange(self.steps(samples), dtype=torch.float64) * self.reduction
        return (frames + self.first) * (self.hop / SAMPLE_RATE)


@dataclass(frozen=True)
class _Place:
    """Where the states of a clip are."""

    file: Path
    first: int  # row
    rows: int


class _Folder:
    """One folder of states: what its index says, checked against its files."""

    def __init__(self, path: Path) -> None:
        index = read_json(path / INDEX)
        try:
            self.frame = float(index["frame_seconds"])
            self.first = float(index["first_frame_centre_seconds"])
            self.size = int(index["dimension"])
            self.name = str(index["teacher"])
            self.places = {
                str(id): _Place(path / str(file), int(first), int(rows))
                for id, (file, first, rows) in index["clips"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(path / INDEX, error) from error
        if not (0 < self.frame < 10 and 0 <= self.first < 10 and self.size > 0 and self.places):
            raise _damaged(path / INDEX, "no clips, or numbers that make no sense")
        rows: dict[Path, int] = {}
        for place in self.places.values():
            if place.first < 0 or place.rows < 1 or place.file.parent != path:
                raise _damaged(path / INDEX, f"rows {place.first}, {place.rows} of {place.file}")
            rows[place.file] = max(rows.get(place.file, 0), place.first + place.rows)
        self.levels = {file: self._levels(file, most) for file, most in sorted(rows.items())}

    def _levels(self, file: Path, rows: int) -> tuple[Tensor, Tensor]:
        """Mean and scale of a file, which must hold `rows` rows."""
        opened = _open(file)
        try:
            mean, scale = opened.get_tensor("mean").float(), opened.get_tensor("scale").float()
            found = tuple(opened.get_slice("states").get_shape())
            kind = opened.get_slice("states").get_dtype()
        except Exception as error:  # safetensors raises its own kind
            raise _damaged(file, error) from error
        if kind != "I8" or len(found) != 2 or found[0] < rows or found[1] != self.size:
            raise _damaged(file, f"states {kind} {list(found)}, expected I8 [{rows}, {self.size}]")
        sane = torch.isfinite(mean).all() & torch.isfinite(scale).all() & (scale > 0).all()
        if not mean.shape == scale.shape == (self.size,) or not bool(sane):
            raise _damaged(file, "mean or scale")
        return mean, scale


class Teacher:
    """The states of one or several folders by clip; files are opened where they are read."""

    def __init__(self, folders: Sequence[Path], grid: StepGrid) -> None:
        """LasError if a folder is missing, damaged, or of another teacher than the first."""
        parts = [_Folder(Path(folder)) for folder in folders]
        first, self.grid = parts[0], grid
        for folder, part in zip(folders, parts, strict=True):
            if (part.name, part.size, part.frame, part.first) != (
                first.name, first.size, first.frame, first.first,
            ):  # fmt: skip
                raise LasError(
                    f"{folder}: its states are of {part.name} ({part.size} numbers each "
                    f"{part.frame:g} s), those of {folders[0]} of {first.name} ({first.size}, "
                    f"{first.frame:g} s); give folders of one teacher"
                )
        self.name, self.size, self.frame, self.first = (
            first.name, first.size, first.frame, first.first,
        )  # fmt: skip
        self.places: dict[str, list[_Place]] = {}  # ids of two corpora may be the same
        for part in parts:
            for id, place in part.places.items():
                self.places.setdefault(id, []).append(place)
        # All folders are standardised as the first one is: a target means the same in each.
        self.levels = {file: levels for part in parts for file, levels in part.levels.items()}
        mean, scale = next(iter(first.levels.values()))
        self.mean, self.deviation = mean, scale * (127 / DEVIATIONS)
        self._open: dict[Path, Any] = {}

    def __len__(self) -> int:
        return len(self.places)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}  # each process that reads sound opens its own

    def targets(
        self, id: str, seconds: float, samples: int, speed: float = 1.0, before: int = 0
    ) -> Targets:
        """What each listener step of an augmented clip is led to.

        id, seconds: of the clip as it is; samples: of the waveform that the listener hears, in
        which the clip begins after `before` samples and goes `speed` times as fast. Between two
        states it is what lies between them. No target has a step outside the clip, a clip without
        states, nor one whose id two clips of that length have. LasError if the file can no longer
        be read.
        """
        times = self.grid.times(samples)  # [T]
        places = [
            place for place in self.places.get(id, [])
            if -self.frame < seconds - place.rows * self.frame < SLACK
        ]  # fmt: skip
        if len(places) != 1:
            steps = len(times)
            return Targets(
                torch.zeros(steps, self.size, dtype=torch.float16),
                torch.zeros(steps, dtype=torch.bool),
            )
        states = self.states(places[0])  # [N, D]
        at = ((times - before / SAMPLE_RATE) * speed - self.first) / self.frame  # rows, [T]
        taught = (at >= -0.5) & (at <= len(states) - 0.5)
        at = at.clamp(0, len(states) - 1)
        low = at.floor().long()
        high = (low + 1).clamp(max=len(states) - 1)
        between = torch.lerp(states[low], states[high], (at - low).float()[:, None])
        return Targets((between * taught[:, None]).half(), taught)

    def states(self, place: _Place) -> Tensor:
        """The standardised states of a clip, float32 [N, D]."""
        if place.file not in self._open:
            self._open[place.file] = _open(place.file)
        try:
            rows = self._open[place.file].get_slice("states")
            numbers: Tensor = rows[place.first : place.first + place.rows].float()
        except Exception as error:  # safetensors raises its own kind
            raise _damaged(place.file, error) from error
        mean, scale = self.levels[place.file]
        return (numbers * scale + (mean - self.mean)) / self.deviation


def padded(targets: list[Targets]) -> Targets | None:
    """The targets of a batch, padded to the longest; None where there are none."""
    if not targets:
        return None
    return Targets(
        pad_sequence([one.states for one in targets], batch_first=True),
        pad_sequence([one.taught for one in targets], batch_first=True),
    )


def _open(file: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(str(file), framework="pt")
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, reason: object) -> LasError:
    said = (str(reason) or type(reason).__name__).splitlines()[0]
    return LasError(f"{file}: damaged states of a teacher ({said}); make the folder again")


class Taught(nn.Module):
    """A network whose listener is led: what it gives, and what it makes of the teacher's states.

    The head is one linear layer (Romero et al. 2015, FitNets, §2.2): no more, so that what it
    needs is in the listener's states. It is no part of the model that is saved.
    """

    def __init__(self, model: LAS, size: int) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(model.listener.size, size)

    def forward(self, *heard: Any) -> tuple[Output, Tensor]:
        """What `LAS.forward` takes → its output, and the teacher's states as guessed, [B, T, D]."""
        output = self.model(*heard)
        return output, self.head(output.states)


def teacher_loss(guessed: Tensor, targets: Targets) -> Tensor:
    """How far guesses [B, T, D] are from the targets: summed over the steps that have one.

    A step's distance is the mean absolute difference plus 1 − cosine (Chang et al. 2022,
    DistilHuBERT, §2.2, there with a log-sigmoid round the cosine).
    """
    states, guessed = targets.states.float(), guessed.float()
    distance = (guessed - states).abs().mean(-1)  # [B, T]
    angle = 1 - functional.cosine_similarity(guessed, states, dim=-1, eps=1e-6)
    return ((distance + angle) * targets.taught).sum()
