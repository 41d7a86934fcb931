"""A network in, the same network for one run in the precision asked for."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
            raise UsageError("--precision int8: runs on the CPU only; use --device cpu")
        yield _quantised(model)
        return
    with autocast(device, pick_precision(precision, device)):
        yield model


def searching(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Within it speller and language model step with bf16 weights, where the CPU is fast at that.

    Cells and scores stay in float32. Elsewhere a step is too small for its precision to matter.
    """
    from las_cli.network.device import autocast, pick_precision

    if device.type != "cpu":
        return nullcontext()
    return autocast(device, pick_precision("auto" if precision == "int8" else precision, device))


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
