"""LSTM steps in 8 bits: close to float32, the same in any batch, and only where asked for."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from las_cli.network import packed_cells as cells
from las_cli.network.packed_cells import can_multiply, lstm_cell, packed_cells, two_cells

able = pytest.mark.skipif(not can_multiply(), reason="torch has no fbgemm on this machine")


def lstm() -> nn.LSTM:
    torch.manual_seed(0)
    return nn.LSTM(24, 32, num_layers=2, batch_first=True).eval()


def rows(count: int = 6) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 24, generator=generator)
    return inputs, (torch.randn(count, 32, generator=generator).tanh(), torch.ones(count, 32))


@able
@torch.inference_mode()
def test_it_is_close_to_float32_and_no_row_changes_another() -> None:
    network, (inputs, (hidden, cell)) = lstm(), rows()
    exact = lstm_cell(network, 0, inputs, (hidden, cell))
    torch.testing.assert_close(
        exact, tuple(torch.lstm_cell(inputs, (hidden, cell), *network.all_weights[0]))
    )
    with packed_cells(torch.int8):
        rounded = lstm_cell(network, 0, inputs, (hidden, cell))
        # A loud row beside them: one scale for the whole batch would round the others to nothing.
        loud = torch.cat([inputs, 1000 * inputs[:1]])
        beside = lstm_cell(
            network, 0, loud, (torch.cat([hidden, hidden[:1]]), torch.cat([cell, cell[:1]]))
        )
    assert not torch.equal(rounded[0], exact[0])
    for one, other, third in zip(rounded, exact, beside, strict=True):
        torch.testing.assert_close(one, other, atol=0.02, rtol=0)
        assert torch.equal(one, third[:6])


@able
@torch.inference_mode()
def test_what_letters_tell_is_looked_up() -> None:
    network, (_, state) = lstm(), rows()
    embedding = nn.Embedding(5, 24)
    letters = torch.tensor([0, 4, 2, 2, 1, 3])
    with packed_cells(torch.int8):
        found = lstm_cell(network, 0, embedding(letters), state, (embedding, letters))
    exact = lstm_cell(network, 0, embedding(letters), state)
    torch.testing.assert_close(found, exact, atol=0.01, rtol=0)


@able
def test_changed_weights_are_packed_anew() -> None:
    network, (inputs, state) = lstm(), rows()
    with torch.no_grad(), packed_cells(torch.int8):
        before = lstm_cell(network, 0, inputs, state)[0]
        for weights in network.all_weights[0]:
            weights.mul_(2)
        after = lstm_cell(network, 0, inputs, state)[0]
        exact = torch.lstm_cell(inputs, state, *network.all_weights[0])[0]
    assert not torch.allclose(before, after, atol=0.05)
    torch.testing.assert_close(after, exact, atol=0.03, rtol=0)


@torch.inference_mode()
def test_only_the_thread_that_asks_and_only_within() -> None:
    network, (inputs, state) = lstm(), rows()
    exact = lstm_cell(network, 0, inputs, state)[0]
    elsewhere: list[torch.Tensor] = []

    def ask() -> None:
        with torch.inference_mode():
            elsewhere.append(lstm_cell(network, 0, inputs, state)[0])

    with packed_cells(torch.int8):
        with packed_cells(None):
            assert torch.equal(lstm_cell(network, 0, inputs, state)[0], exact)
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    # Not to the last bit: another thread may share out a product otherwise.
    torch.testing.assert_close(elsewhere[0], exact, atol=1e-6, rtol=0)
    assert torch.equal(lstm_cell(network, 0, inputs, state)[0], exact)


def test_where_torch_cannot_it_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_able", {torch.int8: False})
    network, (inputs, state) = lstm(), rows()
    with torch.inference_mode(), packed_cells(torch.int8):
        found = lstm_cell(network, 0, inputs, state)[0]
        assert torch.equal(found, torch.lstm_cell(inputs, state, *network.all_weights[0])[0])


KINDS = [
    pytest.param(kind, marks=pytest.mark.skipif(not can_multiply(kind), reason="torch cannot"))
    for kind in (torch.int8, torch.bfloat16)
]


@pytest.mark.skipif(not can_multiply(torch.bfloat16), reason="torch has no packed bf16 here")
@torch.inference_mode()
def test_packed_bf16_is_what_autocast_computes() -> None:
    network, (inputs, state) = lstm(), rows()
    with torch.autocast("cpu", torch.bfloat16):
        exact = torch.lstm_cell(inputs, state, *network.all_weights[0])
        with packed_cells(torch.bfloat16):
            found = lstm_cell(network, 0, inputs, state)
    # One rounding of a gate may fall the other way: 2^-8 of what is below 1.
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == other.dtype == torch.float32
        torch.testing.assert_close(one, other, atol=2**-7, rtol=0)


@pytest.mark.parametrize("kind", [None, *KINDS])
@torch.inference_mode()
def test_two_cells_are_one_with_and_one_without(kind: torch.dtype | None) -> None:
    network, (inputs, state) = lstm(), rows()
    other = (state[0].flip(0), 0.5 * state[1])
    first, more = inputs[:, :16], inputs[:, 16:]
    without = torch.cat([first, torch.zeros_like(more)], dim=1)
    # In int8 a row of fewer weights has another scale; a gate of bf16 may round the other way.
    tolerance = {torch.int8: 0.02, torch.bfloat16: 2**-7, None: 1e-6}[kind]
    with packed_cells(kind):
        found = two_cells(network, first, more, state, other)
        single = lstm_cell(network, 0, inputs, state), lstm_cell(network, 0, without, other)
    for one, alone in zip(found, single, strict=True):
        torch.testing.assert_close(one, alone, atol=tolerance, rtol=0)
