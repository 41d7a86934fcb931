"""A safetensors file and what a config asks for in; a reason to refuse them out.

Shapes are checked by headers alone, so that nothing is allocated for a file or a config that does
not fit. Pickles are never opened: reading one can run any program.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError
from las_cli.files import sha256_of
from las_cli.memory import free_memory

if TYPE_CHECKING:
    from torch import Tensor, nn

    from las_cli.network.config import LASConfig

Shapes = Mapping[str, Sequence[int]]  # tensor name → its shape

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar", ".npy", ".npz", ".joblib")
WHY_NO_PICKLE = "a pickle, which can run any program when it is read; las reads only safetensors"
DTYPES = ("F16", "BF16", "F32", "F64")  # of weights
INTEGERS = ("I8", "I16", "I32")  # of tables
LFS = b"version https://git-lfs"  # how a pointer file begins
NAMED = 8  # problems listed in a message


def is_pickle(path: Path) -> bool:
    """Whether a file's name, or its first bytes, say that it is a pickle (torch's zip included)."""
    if path.suffix.lower() in PICKLES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        return False
    return head == b"PK\x03\x04" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05")


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is what git has in place of a large one where git-lfs is not installed."""
    try:
        with path.open("rb") as file:
            return file.read(len(LFS)) == LFS
    except OSError:
        return False


def check_hash(path: Path, listed: Mapping[str, Any], config: str) -> None:
    """LasError if `path` is another file than the one whose SHA-256 stands in `listed`.

    listed: the section `hashes` of `config`; without an entry for the file nothing is checked
    """
    wanted = listed.get(path.name)
    if isinstance(wanted, str) and path.is_file() and sha256_of(path) != wanted:
        raise LasError(
            f"{path}: not the file that {config} was written with (another SHA-256): damaged or "
            "exchanged; copy or fetch the model again"
        )


def check_finite(name: str, weight: Tensor, path: Path) -> None:
    """LasError if a tensor of `path` holds values that are no numbers."""
    if not bool(weight.isfinite().all()):
        raise LasError(
            f"{path}: {name} holds values that are no numbers; the file is damaged, or the "
            "training that wrote it had gone wrong"
        )


def pickles_in(folder: Path) -> list[str]:
    """Names of the files in `folder` that are pickles by name."""
    try:
        return sorted(p.name for p in folder.iterdir() if p.suffix.lower() in PICKLES)
    except OSError:
        return []


def network_shapes(config: LASConfig) -> dict[str, tuple[int, ...]]:
    """Name → shape of each parameter that a network of `config` has; allocates none of them."""
    from torch import nn

    from las_cli.network.las import assemble

    def build() -> nn.Module:
        parts = zip(("listener", "speller", "ctc"), assemble(config), strict=True)
        return nn.ModuleDict({name: part for name, part in parts if part is not None})

    return shapes_of(build)


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Name → shape of each parameter of the module that `build` makes; allocates none of them."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        """Draws no first values: torch imports sympy for that on the meta device, for seconds."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if func.__name__ in ("normal_", "uniform_", "mul", "__mul__"):
                return args[0] if args else kwargs["tensor"]
            return (torch.empty if func is torch.randn else func)(*args, **kwargs)

    with torch.device("meta"), Unfilled():
        return {name: tuple(found.shape) for name, found in build().named_parameters()}


def check_network(config: LASConfig, path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of `config` (read from `path`); LasError if this machine cannot hold it."""
    features = config.features
    window = round(features.window_seconds * features.sample_rate)
    bins = (1 << (window - 1).bit_length()) // 2 + 1
    if features.mels > bins:
        raise LasError(
            f"{path}: features.mels is {features.mels}, a window of {features.window_seconds:g} s "
            f"has {bins} frequencies; give at most as many mel bands"
        )
    shapes = network_shapes(config)
    check_memory(shapes, path)
    return shapes


def check_memory(shapes: Shapes, path: Path) -> None:
    """LasError if float32 weights of these shapes would not fit into the free memory."""
    needed = 4 * count(shapes)
    free = free_memory()
    if free is not None and needed > free:
        raise LasError(
            f"{path}: asks for a network of {needed / 2**30:.1f} GB, this machine has "
            f"{free / 2**30:.1f} GB free; is the config damaged?"
        )


def count(shapes: Shapes) -> int:
    """Numbers in all tensors together."""
    total = 0
    for shape in shapes.values():
        size = 1
        for length in shape:
            size *= length
        total += size
    return total


def check_weights(path: Path, wanted: Shapes, config: str, integers: Collection[str] = ()) -> None:
    """LasError unless the header of `path` lists exactly the tensors `wanted`.

    config: name of the file that asks for them, for the message
    integers: names of the tensors that hold whole numbers; the others hold floats
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        if pickles := pickles_in(path.parent):
            raise LasError(f"{path}: missing, and {pickles[0]} is {WHY_NO_PICKLE}")
        raise LasError(f"{path}: missing; the model folder is incomplete")
    try:
        with safe_open(str(path), framework="np") as file:
            names = set(file.keys())
            problems = [f"missing {name}" for name in sorted(wanted.keys() - names)]
            problems += [f"unexpected {shown(name)}" for name in sorted(names - wanted.keys())]
            for name in sorted(names & wanted.keys()):
                part = file.get_slice(name)
                found, kind = list(part.get_shape()), part.get_dtype()
                if found != list(wanted[name]):
                    problems.append(f"{name} is {found}, {config} says {list(wanted[name])}")
                elif kind not in (kinds := INTEGERS if name in integers else DTYPES):
                    problems.append(f"{name} holds {kind}, expected one of {', '.join(kinds)}")
    except (SafetensorError, OSError) as error:
        if is_lfs_pointer(path):
            raise LasError(
                f"{path}: a Git LFS pointer, not the file itself; run `git lfs pull` in the "
                "repository it came from, or download the file"
            ) from error
        reason = f"it is {WHY_NO_PICKLE}" if is_pickle(path) else shown(str(error))
        raise LasError(f"{path}: not a readable safetensors file ({reason})") from error
    if problems:
        more = f" and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise LasError(f"{path}: does not fit {config}: {'; '.join(problems[:NAMED])}{more}")


def shown(text: str, most: int = 200) -> str:
    """Text from a file, safe to print on one line of a terminal."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in text[:most])
    return clean + ("…" if len(text) > most else "")
