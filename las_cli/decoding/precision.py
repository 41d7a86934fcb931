"""A network in, the same network for one run in the precision asked for."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from las_cli.errors import UsageError

if TYPE_CHECKING:
    from las_cli.network.las import LAS

# Quantising takes longer than a short clip, so a network is quantised once.
_QUANTISED: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_QUANTISING = threading.Lock()


@contextmanager
def listening(model: LAS, device: torch.device, precision: str) -> Iterator[LAS]:
    """`model` to call `listen` on, in a precision of `DecodingOptions`.

    UsageError for one that `device` does not have.
    """
    from las_cli.network.device import autocast, pick_precision

    if precision == "int8":
        if device.type != "cpu":
            raise UsageError("precision int8: runs on the CPU only; use the device cpu")
        yield _quantised(model)
        return
    with autocast(device, pick_precision(precision, device)):
        yield model


@contextmanager
def searching(device: torch.device, precision: str) -> Iterator[None]:
    """Within it speller and language model step with bf16 weights where the CPU is fast at that.

    Other CPUs step in int8, unless float32 is asked for. Cells and scores stay in float32. On GPUs
    a step is too small for its precision to matter.
    """
    from las_cli.network.device import autocast, pick_precision
    from las_cli.network.packed_cells import packed_cells

    if device.type != "cpu":
        yield
        return
    chosen = pick_precision("auto" if precision == "int8" else precision, device)
    packed = chosen if chosen == torch.bfloat16 else None
    if chosen == torch.float32 and precision in ("auto", "int8"):
        packed = torch.int8
    with autocast(device, chosen), packed_cells(packed):
        yield


def _quantised(model: LAS) -> LAS:
    """`model` with its listener's LSTMs and linear layers in dynamic int8."""
    with _QUANTISING:  # lanes ask for it at the same time
        if model not in _QUANTISED:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch announces torchao in this place's stead
                _QUANTISED[model] = torch.ao.quantization.quantize_dynamic(
                    model, {torch.nn.LSTM, torch.nn.Linear}, torch.qint8
                )
        return _QUANTISED[model]
