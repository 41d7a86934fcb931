"""The listener's layers: exact reversal, neighbours joined, nothing seen of the padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from las_cli.network.config import ListenerConfig
from las_cli.network.listener import (
    ConvFrontEnd,
    Listener,
    PyramidLayer,
    join_neighbours,
    reversal,
)

LENGTHS = [7, 1, 4, 6]


def padded(lengths: list[int], size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random steps [B, T, size], zero beyond `lengths`."""
    steps = torch.randn(
        len(lengths), max(lengths), size, generator=torch.Generator().manual_seed(seed)
    )
    for row, length in enumerate(lengths):
        steps[row, length:] = 0
    return steps, torch.tensor(lengths)


def test_neighbours_are_joined_and_the_last_step_is_filled_up() -> None:
    states = torch.tensor([[[1.0], [2.0], [3.0], [4.0], [5.0]], [[6.0], [7.0], [0], [0], [0]]])
    joined, lengths = join_neighbours(states, torch.tensor([5, 2]), 2)
    assert joined.tolist() == [[[1, 2], [3, 4], [5, 0]], [[6, 7], [0, 0], [0, 0]]]
    assert lengths.tolist() == [3, 1]
    joined, lengths = join_neighbours(states, torch.tensor([5, 2]), 3)
    assert joined.tolist() == [[[1, 2, 3], [4, 5, 0]], [[6, 7, 0], [0, 0, 0]]]
    assert lengths.tolist() == [2, 1]


def test_steps_are_reversed_within_their_utterance() -> None:
    order = reversal(torch.tensor([5, 2, 1]), 5)
    assert order.tolist() == [[4, 3, 2, 1, 0], [1, 0, 2, 3, 4], [0, 1, 2, 3, 4]]


@pytest.mark.parametrize("reduction", [1, 2, 3])
@torch.no_grad()
def test_a_layer_equals_torchs_bidirectional_lstm_on_packed_steps(reduction: int) -> None:
    torch.manual_seed(1)
    layer = PyramidLayer(5, 4, reduction, norm=False, dropout=0.0)
    torchs = nn.LSTM(5 * reduction, 4, batch_first=True, bidirectional=True)
    for name, parameter in torchs.named_parameters():
        own = layer.backwards if name.endswith("_reverse") else layer.forwards
        parameter.copy_(getattr(own, name.removesuffix("_reverse")))
    states, lengths = padded(LENGTHS, 5)
    found, shorter = layer(states, lengths)
    assert shorter.tolist() == [-(-length // reduction) for length in LENGTHS]
    joined, _ = join_neighbours(states, lengths, reduction)
    packed = nn.utils.rnn.pack_padded_sequence(
        joined, shorter, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(torchs(packed)[0], batch_first=True)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("front_end", ["conv", "none"])
@torch.no_grad()
def test_states_beyond_an_utterance_are_zero_and_those_within_do_not_see_it(
    front_end: str,
) -> None:
    torch.manual_seed(1)
    listener = Listener(ListenerConfig(front_end, 3, 4, (2, 1), dropout=0.0), mels=6).eval()
    for layer in listener.layers:
        layer.norm.bias.fill_(1.0)  # what a trained norm adds to everything, zeros too
    lengths = [23, 5, 1, 16]
    features, counts = padded(lengths, 6)
    together, steps = listener(features, counts)
    assert together.shape == (4, int(steps.max()), listener.size)
    for row, length in enumerate(lengths):
        alone, own = listener(features[row : row + 1, :length], counts[row : row + 1])
        assert int(own) == int(steps[row]) == -(-length // listener.config.reduction)
        torch.testing.assert_close(together[row, : int(own)], alone[0], atol=1e-6, rtol=0)
        assert not together[row, int(own) :].any()


@torch.no_grad()
def test_the_front_end_is_two_strided_convolutions_of_the_utterance() -> None:
    torch.manual_seed(1)
    front_end = ConvFrontEnd(2, mels=7)
    features, counts = padded([9, 4], 7)
    found, steps = front_end(features, counts)
    assert steps.tolist() == [3, 1] and front_end.size == 2 * 2  # 9 → 5 → 3, 7 bands → 4 → 2
    for row, length in enumerate((9, 4)):
        maps = features[row, :length][None, None]
        for convolution in (front_end.first, front_end.second):
            maps = torch.relu(
                nn.functional.conv2d(maps, convolution.weight, convolution.bias, 2, 1)
            )
        expected = torch.stack([maps[0, :, t].flatten() for t in range(maps.shape[2])])
        torch.testing.assert_close(found[row, : int(steps[row])], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("config", "reduction"),
    [
        (ListenerConfig("none", reductions=(2, 2)), 4),
        (ListenerConfig("none", reductions=(2, 3, 1)), 6),
        (ListenerConfig("conv", reductions=(1, 1)), 4),
        (ListenerConfig("conv", reductions=(2, 2)), 16),
    ],
)
def test_reduction_is_the_product_of_all_factors(config: ListenerConfig, reduction: int) -> None:
    assert config.reduction == reduction
