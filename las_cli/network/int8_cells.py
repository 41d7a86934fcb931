"""An LSTM and its last state in, the next state out; its weights in 8 bits, where that is asked."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# A row is scaled to -1 … 1 and rounded to 127 steps. 8 bits would have 255, but without AVX-512 the
# products of two neighbours are added in 16 bits, which two of 8 bits and a sign overflow.
STEPS, ZERO = 63, 64
LEAST = 1e-8  # an input all of zeros is not scaled

_asked = threading.local()
# Packing takes longer than a step, so a layer is packed once; anew when its weights have changed.
_packed: weakref.WeakKeyDictionary[nn.LSTM, dict[int, tuple[Any, _Packed]]]
_packed = weakref.WeakKeyDictionary()
_packing = threading.Lock()


@contextmanager
def int8_cells(wanted: bool = True) -> Iterator[None]:
    """Within it LSTMs of this thread multiply in 8 bits, on CPUs that torch can do it on.

    A step of few hypotheses takes as long as it takes to read the weights, which are a quarter of
    the size. Each row is scaled by itself, so that no other row of a batch changes it.
    """
    before = getattr(_asked, "wanted", False)
    _asked.wanted = wanted and can_multiply()
    try:
        yield
    finally:
        _asked.wanted = before


def lstm_cell(
    lstm: nn.LSTM,
    layer: int,
    inputs: Tensor,
    state: tuple[Tensor, Tensor],
    embedded: tuple[nn.Embedding, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of one layer: inputs [N, D], hidden and cell [N, H] → hidden and cell [N, H].

    embedded: of what and of which letters [N] `inputs` are the embeddings, if they are
    Calling the LSTM itself would make oneDNN pack its weights anew for every letter: 2 to 9 times
    slower for up to 16 hypotheses.
    """
    if not getattr(_asked, "wanted", False):
        hidden, cell = torch.lstm_cell(inputs, state, *lstm.all_weights[layer])
        return hidden, cell
    packed = _pack(lstm, layer, None if embedded is None else embedded[0])
    if embedded is not None:
        told = packed.told[embedded[1]]
    else:
        told = _multiply(inputs, packed.inputs) + packed.bias
    into, forget, fresh, out = (told + _multiply(state[0], packed.hidden)).chunk(4, dim=1)
    cell = forget.sigmoid_() * state[1] + into.sigmoid_() * fresh.tanh_()
    return out.sigmoid_() * cell.tanh(), cell


class _Packed:
    """The weights of a layer in 8 bits, each row of them scaled by itself."""

    def __init__(self, weights: Sequence[Tensor], embedding: nn.Embedding | None) -> None:
        inputs, hidden = weights[:2]
        self.bias = (weights[2] + weights[3]).detach()
        self.hidden = _prepack(hidden)
        if embedding is None:
            self.inputs = _prepack(inputs)
        else:  # what each letter tells the gates is known beforehand, exactly, [V, 4H]
            told = nn.functional.linear(embedding.weight.float(), inputs.float(), self.bias)
            self.told = told.detach()


def _pack(lstm: nn.LSTM, layer: int, embedding: nn.Embedding | None) -> _Packed:
    weights = lstm.all_weights[layer]
    now = _marks([*weights, *([embedding.weight] if embedding is not None else [])])
    with _packing:  # lanes ask for it at the same time
        layers = _packed.setdefault(lstm, {})
        if layer not in layers or layers[layer][0] != now:
            layers[layer] = (now, _Packed(weights, embedding))
        return layers[layer][1]


def _marks(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    """What changes where weights change."""
    return [(one.data_ptr(), 0 if one.is_inference() else one._version) for one in weights]


def _prepack(weight: Tensor) -> Any:
    weight = weight.detach().float()
    scales = (weight.abs().amax(1) / 127).clamp(min=LEAST).double()
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch will have them in another package some day
        quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    return torch.ops.quantized.linear_prepack(quantised, None)


def _multiply(rows: Tensor, packed: Any) -> Tensor:
    """rows [N, D] float32 times a packed weight, [N, D']."""
    scale = rows.abs().amax(1, keepdim=True).clamp(min=LEAST)
    found: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
        rows / scale, 1 / STEPS, ZERO, packed
    )
    return found * scale


_able: list[bool] = []


def can_multiply() -> bool:
    """Whether this machine's torch has the operation, tried once."""
    if not _able:
        try:
            probe = _prepack(torch.eye(8))
            right = torch.allclose(_multiply(torch.eye(8), probe), torch.eye(8), atol=0.02)
        except (RuntimeError, AttributeError):  # another engine than fbgemm, as on ARM
            right = False
        _able.append(right)
    return _able[0]
