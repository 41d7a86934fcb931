"""An LSTM and its last state in, the next state out; its weights packed, where that is asked."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# A row is scaled to -1 … 1 and rounded to 127 steps. 8 bits would have 255, but without AVX-512 the
# products of two neighbours are added in 16 bits, which two of 8 bits and a sign overflow.
STEPS, ZERO = 63, 64
LEAST = 1e-8  # an input all of zeros is not scaled

State = tuple[Tensor, Tensor]  # hidden and cell, [N, H] each
Product = Callable[[Tensor], Tensor]  # rows [N, D] → times packed weights, [N, D']

_asked = threading.local()
# Packing takes longer than a step, so a layer is packed once; anew when its weights have changed.
_packed: weakref.WeakKeyDictionary[nn.LSTM, dict[tuple[Any, ...], tuple[Any, _Packed]]]
_packed = weakref.WeakKeyDictionary()
_packing = threading.Lock()


@contextmanager
def packed_cells(kind: torch.dtype | None) -> Iterator[None]:
    """Within it LSTMs of this thread multiply packed weights of `kind`, where torch can do that.

    kind: int8, bfloat16, or None, which leaves the weights as they are
    In int8 a step of few hypotheses takes as long as it takes to read the weights, which are a
    quarter of the size; each row is scaled by itself, so that no other row of a batch changes it.
    In bf16 oneDNN would otherwise lay the weights out anew for every letter: 1.5 times slower with
    50 hypotheses, 4 times with 8. Gates are then bf16 and cells what they were, as by autocast.
    """
    before = getattr(_asked, "kind", None)
    _asked.kind = kind if kind is not None and can_multiply(kind) else None
    try:
        yield
    finally:
        _asked.kind = before


def lstm_cell(
    lstm: nn.LSTM,
    layer: int,
    inputs: Tensor,
    state: State,
    embedded: tuple[nn.Embedding, Tensor] | None = None,
) -> State:
    """One step of one layer: inputs [N, D], hidden and cell [N, H] → hidden and cell [N, H].

    embedded: of what and of which letters [N] `inputs` are the embeddings, if they are
    Calling the LSTM itself would make oneDNN pack its weights anew for every letter: 2 to 9 times
    slower for up to 16 hypotheses.
    """
    kind = getattr(_asked, "kind", None)
    if kind is None:
        hidden, cell = torch.lstm_cell(inputs, state, *lstm.all_weights[layer])
        return hidden, cell
    if embedded is not None:
        packed = _pack(lstm, layer, kind, embedding=embedded[0])
        told = packed.told[embedded[1]]
    else:
        packed = _pack(lstm, layer, kind)
        told = packed.inputs(inputs)
    return _step(told.add_(packed.hidden(state[0])), state[1])


def two_cells(
    lstm: nn.LSTM, inputs: Tensor, more: Tensor, state: State, other: State
) -> tuple[State, State]:
    """One step of the first layer from `state` with inputs and more, [N, D] and [N, E], and one
    from `other` with zeros in the place of `more`, whose weights are then not multiplied."""
    kind = getattr(_asked, "kind", None)
    if kind is None:
        with_more = torch.cat([inputs, more.to(inputs.dtype)], dim=1)
        alone = torch.cat([inputs, torch.zeros_like(more, dtype=inputs.dtype)], dim=1)
        return lstm_cell(lstm, 0, with_more, state), lstm_cell(lstm, 0, alone, other)
    packed = _pack(lstm, 0, kind, split=inputs.shape[1])
    told = packed.inputs(torch.cat([inputs, more.to(inputs.dtype)], dim=1))
    alone = packed.first(inputs)
    return (
        _step(told.add_(packed.hidden(state[0])), state[1]),
        _step(alone.add_(packed.hidden(other[0])), other[1]),
    )


def stack_layers(states: Sequence[Tensor]) -> Tensor:
    """Hidden states or cells [N, H] of L layers → [N, L, H]; of a single one nothing is copied."""
    return torch.stack(list(states), dim=1) if len(states) > 1 else states[0][:, None]


def _step(gates: Tensor, cell: Tensor) -> State:
    """Hidden and cell after the sums [N, 4H] of the four gates, which are overwritten."""
    into, forget, fresh, out = gates.chunk(4, dim=1)
    cell = forget.sigmoid_() * cell + into.sigmoid_() * fresh.tanh_()
    return out.sigmoid_() * cell.tanh(), cell


class _Packed:
    """The weights of a layer as products; `first` is that of the first `split` inputs alone."""

    def __init__(
        self,
        weights: Sequence[Tensor],
        kind: torch.dtype,
        split: int,
        embedding: nn.Embedding | None,
    ) -> None:
        inputs, hidden = weights[:2]
        bias, more = (one.detach().float() for one in weights[2:4])
        if kind == torch.int8:  # in float32, where it does not matter when biases are added
            bias = bias + more
        self.hidden = product(hidden, kind, None if kind == torch.int8 else more)
        if embedding is not None:  # what each letter tells the gates is known beforehand, [V, 4H]
            letters = embedding.weight.detach().float()
            if kind == torch.int8:
                with torch.autocast(inputs.device.type, enabled=False):
                    self.told = nn.functional.linear(letters, inputs.detach().float(), bias)
            else:
                self.told = product(inputs, kind, bias)(letters)
            return
        self.inputs = product(inputs, kind, bias)
        if split:
            self.first = product(inputs[:, :split], kind, bias)


def _pack(
    lstm: nn.LSTM,
    layer: int,
    kind: torch.dtype,
    split: int = 0,
    embedding: nn.Embedding | None = None,
) -> _Packed:
    weights = lstm.all_weights[layer]
    now = _marks([*weights, *([embedding.weight] if embedding is not None else [])])
    with _packing:  # lanes ask for it at the same time
        layers = _packed.setdefault(lstm, {})
        key = (layer, kind, split)
        if key not in layers or layers[key][0] != now:
            layers[key] = (now, _Packed(weights, kind, split, embedding))
        return layers[key][1]


def _marks(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    """What changes where weights change."""
    return [(one.data_ptr(), 0 if one.is_inference() else one._version) for one in weights]


def product(weight: Tensor, kind: torch.dtype, bias: Tensor | None = None) -> Product:
    """`weight` [D', D] packed in `kind`, as what multiplies rows by it and adds `bias` [D']."""
    weight = weight.detach().float()
    packing = _int8_product if kind == torch.int8 else _bf16_product
    return packing(weight, bias)


def _int8_product(weight: Tensor, bias: Tensor | None) -> Product:
    """Of float32 rows, in float32; each row of the weights is scaled by itself too."""
    scales = (weight.abs().amax(1) / 127).clamp(min=LEAST).double()
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch will have them in another package some day
        quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(quantised, None)

    def multiply(rows: Tensor) -> Tensor:
        rows = rows.float()
        scale = rows.abs().amax(1, keepdim=True).clamp(min=LEAST)
        found: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows / scale, 1 / STEPS, ZERO, packed
        )
        return found * scale if bias is None else found * scale + bias

    return multiply


def _bf16_product(weight: Tensor, bias: Tensor | None) -> Product:
    """In bf16; sums within a product are float32, and rounded at its end."""
    added = None if bias is None else bias.bfloat16()
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.bfloat16().contiguous())

    def multiply(rows: Tensor) -> Tensor:
        found: Tensor = torch.ops.mkldnn._linear_pointwise(
            rows.bfloat16(), packed, added, "none", [], ""
        )
        return found

    return multiply


_able: dict[torch.dtype, bool] = {}


def can_multiply(kind: torch.dtype = torch.int8) -> bool:
    """Whether this machine's torch has the operation, tried once."""
    if kind not in _able:
        try:
            found = product(torch.eye(8), kind)(torch.eye(8)).float()
            right = torch.allclose(found, torch.eye(8), atol=0.02)
        # Another engine than fbgemm, as on ARM; no oneDNN, or none with bf16.
        except (RuntimeError, AttributeError):
            right = False
        _able[kind] = right
    return _able[kind]
