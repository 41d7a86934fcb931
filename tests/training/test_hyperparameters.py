"""Trainings that cannot be: refused before anything is read."""

from __future__ import annotations

import pytest

from las_cli.errors import UsageError
from las_cli.training.hyperparameters import TrainingConfig


@pytest.mark.parametrize(
    "options",
    [{"epochs": 0}, {"quiet_edges": -1.0}, {"warp": -0.1}, {"warp": 0.31},
     {"rooms": 1.1}, {"rooms": -0.1}, {"telephone": 1.1}, {"telephone": -0.1},
     {"sampling": (0.3,)}, {"sampling": (0.1, 1.5)}, {"noise_snr": ()},
     {"epochs": None}, {"batch_seconds": 0.0}, {"schedule": "sine"},
     {"speeds": ()}, {"speeds": (9.0,)}, {"ctc_early": 1.5}, {"learning_rate": -1.0}],
)  # fmt: skip
def test_impossible_configs(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        TrainingConfig(**options)  # type: ignore[arg-type]
