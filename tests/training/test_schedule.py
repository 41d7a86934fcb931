"""Learning rate, weights of the losses and budgets at places where their values are known."""

from __future__ import annotations

import math

import pytest

from las_cli.training import schedule
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.schedule import Progress


@pytest.mark.parametrize(
    ("step", "share", "rate"),
    [
        (0, 0.0, 0.002 * 0.01),  # the first of 100 updates of warm-up
        (49, 0.0, 0.002 * 0.5),
        (99, 0.0, 0.002),
        (5000, 0.25, 0.002 * (0.02 + 0.98 * (1 + math.sqrt(0.5)) / 2)),
        (5000, 0.5, 0.002 * 0.51),
        (5000, 1.0, 0.002 * 0.02),
    ],
)
def test_the_rate_warms_up_and_follows_a_cosine(step: int, share: float, rate: float) -> None:
    config = TrainingConfig(learning_rate=0.002, warmup_steps=100)
    assert schedule.learning_rate(config, Progress(step), share) == pytest.approx(rate)


def test_the_rate_of_plateaus_follows_their_number_alone() -> None:
    config = TrainingConfig(learning_rate=0.002, warmup_steps=100, schedule="plateau")
    progress = Progress(step=5000, rate_scale=0.25)
    assert schedule.learning_rate(config, progress, 0.9) == pytest.approx(0.0005)
    assert schedule.learning_rate(config, Progress(step=9), 0.0) == pytest.approx(0.0002)


@pytest.mark.parametrize(
    ("share", "ctc", "guide", "sampling"),
    [
        (0.0, 0.5, 0.5, 0.1),
        (0.2, 0.5, 0.5 * 5 / 7, 0.18),
        (0.35, 0.4, 0.25, 0.24),
        (0.5, 0.3, 0.5 * 2 / 7, 0.3),
        (0.7, 0.3, 0.0, 0.38),
        (1.0, 0.3, 0.0, 0.5),
    ],
)
def test_weights_change_with_the_share_of_the_budget(
    share: float, ctc: float, guide: float, sampling: float
) -> None:
    config = TrainingConfig(
        ctc_early=0.5, ctc_late=0.3, ctc_switch=(0.2, 0.5), guide=0.5, guide_until=0.7,
        sampling=(0.1, 0.5),
    )  # fmt: skip
    assert schedule.ctc_weight(config, share) == pytest.approx(ctc)
    assert schedule.guide_weight(config, share) == pytest.approx(guide, abs=1e-9)
    assert schedule.sampling_share(config, share) == pytest.approx(sampling)


def test_switches_of_no_width() -> None:
    config = TrainingConfig(ctc_early=0.5, ctc_late=0.3, ctc_switch=(0.4, 0.4), guide_until=0.0)
    assert schedule.ctc_weight(config, 0.39) == 0.5
    assert schedule.ctc_weight(config, 0.4) == 0.3
    assert schedule.guide_weight(config, 0.0) == 0.0


@pytest.mark.parametrize(("since", "over"), [(0, False), (2, False), (3, True), (4, True)])
def test_training_ends_after_so_many_validations_without_a_better_one(
    since: int, over: bool
) -> None:
    config = TrainingConfig(epochs=100, early_stop=3)
    assert bool(schedule.finished(config, Progress(since_best=since))) is over
    assert not schedule.finished(TrainingConfig(epochs=100), Progress(since_best=since))


@pytest.mark.parametrize(
    ("budget", "progress", "reason"),
    [
        ({"epochs": 3}, Progress(epoch=2), ""),
        ({"epochs": 3}, Progress(epoch=3), "3 epochs"),
        ({"epochs": None, "max_steps": 7}, Progress(step=6), ""),
        ({"epochs": None, "max_steps": 7}, Progress(step=7), "7 steps"),
        ({"epochs": None, "max_minutes": 1.5}, Progress(minutes=1.49), ""),
        ({"epochs": None, "max_minutes": 1.5}, Progress(minutes=1.5), "1.5 minutes"),
    ],
)
def test_a_budget_ends_with_its_last_unit(
    budget: dict[str, float], progress: Progress, reason: str
) -> None:
    found = schedule.finished(TrainingConfig(**budget), progress)  # type: ignore[arg-type]
    assert reason in found and bool(found) is bool(reason)


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        (Progress(), 0.0),
        (Progress(seconds=50.0), 0.125),
        (Progress(epoch=1, seconds=90.0), 0.25),  # sped up: the pass counts, not its sound
        (Progress(epoch=1, seconds=290.0), 0.5),  # slowed down: no more than a pass ahead
        (Progress(epoch=4, seconds=400.0), 1.0),
    ],
)
def test_whole_passes_count_exactly(progress: Progress, share: float) -> None:
    assert schedule.used(TrainingConfig(epochs=4), progress, 100.0) == pytest.approx(share)


def test_schedules_begin_and_end_where_they_should() -> None:
    config = TrainingConfig(
        learning_rate=1.0, warmup_steps=10, epochs=None, max_steps=100, ctc_switch=(0.2, 0.6)
    )
    rates = [schedule.learning_rate(config, Progress(step=step), step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[100] == pytest.approx(schedule.FLOOR)
    assert rates[:9] == sorted(rates[:9]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert schedule.ctc_weight(config, 0.1) == config.ctc_early
    assert schedule.ctc_weight(config, 0.4) == pytest.approx(0.4)
    assert schedule.ctc_weight(config, 0.9) == config.ctc_late
    assert schedule.sampling_share(config, 0) == 0.1 and schedule.sampling_share(config, 1) == 0.5


@pytest.mark.parametrize(
    ("budget", "progress", "share", "over"),
    [
        ({"epochs": 4}, Progress(epoch=1, seconds=150), 0.375, False),
        ({"epochs": 4}, Progress(epoch=4, seconds=400), 1.0, True),
        ({"epochs": None, "max_steps": 8}, Progress(step=2), 0.25, False),
        ({"epochs": None, "max_minutes": 10.0}, Progress(minutes=5), 0.5, False),
        ({"epochs": None, "max_minutes": 10.0, "max_steps": 2}, Progress(step=2), 1.0, True),
    ],
)
def test_budgets(budget: dict[str, float], progress: Progress, share: float, over: bool) -> None:
    config = TrainingConfig(**budget)  # type: ignore[arg-type]
    assert schedule.used(config, progress, 100.0) == pytest.approx(share)
    assert bool(schedule.finished(config, progress)) is over
