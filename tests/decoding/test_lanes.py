"""Batches side by side: each lane computes with one thread."""

from __future__ import annotations

import pytest
import torch

from las_cli.decoding.lanes import lanes, side_by_side
from las_cli.errors import LasError

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_lanes_compute_with_a_thread_each_and_leave_the_setting() -> None:
    assert lanes(CPU) == 2 and lanes(torch.device("meta")) == 1
    done = dict(side_by_side(lambda work: (work, torch.get_num_threads()), "abc", CPU))
    assert done == {0: ("a", 1), 1: ("b", 1), 2: ("c", 1)}
    assert torch.get_num_threads() == 2
    assert dict(side_by_side(lambda _: torch.get_num_threads(), "ab", CPU)) == {0: 1, 1: 1}


@pytest.mark.usefixtures("two_threads")
def test_what_a_lane_raises_is_raised() -> None:
    def fail(work: str) -> None:
        raise LasError(work)

    with pytest.raises(LasError, match="a|b"):
        list(side_by_side(fail, "ab", CPU))
    assert torch.get_num_threads() == 2
