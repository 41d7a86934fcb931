"""A device and a precision by name in; what torch wants out."""

from __future__ import annotations

import contextlib
import functools
import itertools
import platform
from contextlib import AbstractContextManager

import torch

from las_cli.errors import UsageError
from las_cli.network.config import PRECISIONS

DEVICES = ("auto", "cuda", "mps", "cpu")


def pick_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA, then MPS, then the CPU. UsageError if a named one is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in DEVICES[1:] or (colon and not number.isdecimal()):
        raise UsageError(f"device {name}: expected one of {', '.join(DEVICES)}, or cuda:1")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: torch sees no CUDA device; use cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device mps: torch sees no Apple GPU; use cpu")
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` takes bf16 where the hardware has it, float32 otherwise."""
    if name == "auto":
        return torch.bfloat16 if has_bf16(device) else torch.float32
    if name == "float16" and device.type == "cpu":
        raise UsageError("precision float16: needs a GPU; use bf16 or float32 on the CPU")
    if name not in PRECISIONS:
        raise UsageError(f"precision {name}: expected one of {', '.join(PRECISIONS)}")
    return {"float32": torch.float32, "bf16": torch.bfloat16, "float16": torch.float16}[name]


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 is the faster one: AMX, AMD's AVX512-BF16, compute capability 8 on CUDA.

    Intel's cores multiply no faster with AVX512-BF16 than in float32, and convert beside it: a
    Xeon whose AMX is hidden from its virtual machine trained `base` at 109 times real time in
    float32 and at 71 in bf16 (`las benchmark train --preset base --processes 2`).
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # oneDNN takes bf16 on any AVX512, but without these instructions it only emulates it.
        return torch.backends.mkldnn.is_available() and bool(
            torch.cpu._is_amx_tile_supported()
            or (torch.cpu._is_avx512_bf16_supported() and not _of_intel())
        )
    return False


@functools.cache
def _of_intel() -> bool:
    """Whether Intel made the CPU, by what Linux or Windows says of it; macOS is not asked."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        return any("GenuineIntel" in line for line in itertools.islice(file, 30))
    return "GenuineIntel" in platform.processor()


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Mixed precision for the listener and the speller; nothing at float32."""
    if precision == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, precision)


def where_ctc_runs(log_probs: torch.Tensor) -> torch.Tensor:
    """Posteriors on a device that has torch's CTC loss and alignment: Apple GPUs have neither."""
    return log_probs.cpu() if log_probs.device.type == "mps" else log_probs
