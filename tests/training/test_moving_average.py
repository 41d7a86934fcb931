"""The moving average of weights: slow in the end, quick at the start."""

from __future__ import annotations

import pytest
import torch

from las_cli.training.moving_average import MovingAverage, mean_of


@pytest.mark.parametrize(
    ("step", "kept"),
    [(0, 0.1), (1, 2 / 11), (8, 0.5), (90, 0.91), (8990, 8991 / 9000), (1_000_000, 0.999)],
)
def test_the_average_keeps_little_of_the_first_weights(step: int, kept: float) -> None:
    """(1 + n) / (10 + n) of what it was, until the decay says less."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 1.0)
    average = MovingAverage(model, 0.999)
    torch.nn.init.constant_(model.weight, 0.0)
    average.update(model, step)
    assert float(average.weights["weight"]) == pytest.approx(kept, abs=1e-6)


def test_a_saved_average_is_gone_on_from() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(model, 0.5)
    average.load({"weight": torch.full((1, 1), 8.0)})
    torch.nn.init.constant_(model.weight, 4.0)
    average.update(model, 10_000)
    assert float(average.weights["weight"]) == 6.0


def test_moving_average_swaps_and_means_are_exact() -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    average = MovingAverage(model, 0.5)
    start = model.weight.detach().clone()
    with torch.no_grad():
        model.weight += 1
    average.update(model, 10_000)
    average.swap(model)
    torch.testing.assert_close(model.weight.detach(), start + 0.5)
    average.swap(model)
    torch.testing.assert_close(model.weight.detach(), start + 1)
    mean = mean_of([{"a": torch.tensor([1.0])}, {"a": torch.tensor([2.0])}])
    assert mean["a"].tolist() == [1.5]
