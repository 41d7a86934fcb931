"""One process or many: who am I, and sums over all. `launcher` or torchrun starts many."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor
from torch import distributed as dist

from las_cli.errors import LasError, UsageError
from las_cli.memory import free_memory
from las_cli.network.device import pick_device, pick_precision
from las_cli.training.launcher import LAUNCHED, LOST


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """Joins the group that torchrun's environment describes, if there is one."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return cls()
        if not dist.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)  # NCCL would gather over the first GPU otherwise
            # The others wait while the first process validates, which may take long.
            dist.init_process_group(
                "nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=2)
            )
        return cls(dist.get_rank(), world)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """`values` added up over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def agree(self, flag: bool, device: torch.device) -> bool:
        """What the first process says, so that all stop together."""
        if self.world == 1:
            return flag
        told = torch.tensor(int(flag), device=device)
        dist.broadcast(told, 0)
        return bool(told)

    def agree_value(self, value: float, device: torch.device) -> float:
        """A number as the first process has it."""
        if self.world == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)

    def gather(self, state: Tensor) -> list[Tensor]:
        """A byte tensor of every process (of equal size), by rank."""
        if self.world == 1:
            return [state]
        gathered: list[Tensor | None] = [None] * self.world
        dist.all_gather_object(gathered, state)
        return [tensor for tensor in gathered if tensor is not None]

    def wait(self) -> None:
        """Until all processes have come this far."""
        if self.world > 1:
            dist.barrier()

    def leave(self) -> None:
        """Ends the group."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()


@dataclass(frozen=True)
class Machine:
    """What a training runs on, found once."""

    device: torch.device
    precision: torch.dtype  # of the arithmetic
    processes: Processes

    @classmethod
    def find(cls, device: str, precision: str) -> Machine:
        """The device and precision of those names, and the group of processes, joined.

        Raises UsageError for a device or a precision that is not there.
        """
        place = pick_device(local_device(device))
        return cls(place, pick_precision(precision, place), Processes.join(place))


@contextmanager
def together(folder: Path) -> Iterator[None]:
    """Where processes work together: the loss of another one is no traceback, but a sentence.

    folder: of the training. Under `las train --processes` the launcher tells what became of the
    other.
    """
    try:
        yield
    except (BrokenPipeError, ConnectionResetError, EOFError) as error:
        # It was ended while it was being started.
        if not _is_in(error, "multiprocessing"):
            raise
        raise _reader_lost("was ended", folder) from error
    except RuntimeError as error:
        if (lost := _lost_reader(error, folder)) is not None:
            raise lost from error
        if int(os.environ.get("WORLD_SIZE", "1")) == 1 or not _is_loss(error):
            raise
        if LAUNCHED in os.environ:
            raise SystemExit(LOST) from error
        raise LasError(
            "another process of this training has ended, see its message; the last checkpoint is "
            "intact: go on with --resume"
        ) from error


# torch's words for a process that reads sound and has ended, and whose memory has.
_READER_LOST = re.compile(r"DataLoader worker \(pid\(?s?\)? ?[\d, ]+\) (.*)", re.DOTALL)
_NO_MEMORY = ("can't allocate memory", "out of memory", "Cannot allocate memory")


def _lost_reader(error: RuntimeError, folder: Path) -> LasError | None:
    """A sentence for a process that reads sound and was ended, or for memory that was refused."""
    words = str(error)
    if (told := _READER_LOST.search(words)) is not None:
        return _reader_lost(" ".join(told[1].split())[:100].rstrip(". "), folder)
    if any(sign in words for sign in _NO_MEMORY):
        return LasError(f"{folder}: there is not enough memory for an update; {_go_on(folder)}")
    return None


def _reader_lost(how: str, folder: Path) -> LasError:
    return LasError(
        f"{folder}: a process that reads sound for the training {how or 'was ended'}, perhaps "
        f"for want of memory; {_go_on(folder)}"
    )


def _go_on(folder: Path) -> str:
    less = f"({free_words()}fewer --workers and a lower --batch-seconds take less)"
    if any(folder.glob("checkpoints/step-*/state.json")):
        return (
            f"the last checkpoint is intact: `las train --output {folder} --resume` goes on from "
            f"it {less}"
        )
    return f"no checkpoint for --resume was saved yet: begin again with --overwrite {less}"


def _is_in(error: BaseException, package: str) -> bool:
    """Whether an error came up in the code of `package`."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(package in frame.f_code.co_filename for frame, _ in frames)


def free_words() -> str:
    """How much memory is free, in words."""
    free = free_memory()
    return "" if free is None else f"{free / 2**30:.1f} GB of memory are free now; "


def _is_loss(error: RuntimeError) -> bool:
    """Whether torch.distributed means that another process is gone."""
    words = ("gloo", "closed by peer", "reset by peer", "NCCL", "TCPStore")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)


def local_device(name: str) -> str:
    """`auto` and `cuda` as the GPU of this process under torchrun; `auto` is never MPS.

    Raises UsageError for MPS: torch has neither float64 nor a CTC loss there.
    """
    if name == "mps":
        raise UsageError("device mps: torch cannot train with CTC on Apple GPUs; use cpu")
    if name == "auto" and not torch.cuda.is_available():
        return "cpu"
    local = os.environ.get("LOCAL_RANK")
    if local is not None and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(local) % torch.cuda.device_count()}"
    return name
