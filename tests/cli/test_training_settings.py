"""The settings of `las train`: defaults as the dataclass has them, `--set`, hidden spellings."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import click
import pytest

from las_cli.cli.main import cli
from las_cli.cli.train import command
from las_cli.cli.training_settings import RARE, chosen_settings
from las_cli.errors import UsageError
from las_cli.training.hyperparameters import TrainingConfig, parse_setting, parse_value

# click keeps a command's help option as the first context has it: with -h, as `las` gives it.
ROOT = cli.make_context("las", [], resilient_parsing=True)
OPTIONS = {str(option.name): option for option in command.params}
FIELDS = {field.name: field.default for field in dataclasses.fields(TrainingConfig)}
# What stands in the help where the default is no limit, or nothing.
IN_WORDS = {
    "epochs": "30 if no budget is given", "max_steps": "no limit", "max_minutes": "no limit",
    "early_stop": "never", "dev_by": "one group", "validate_minutes": "only then",
}  # fmt: skip


def chosen(*words: str) -> dict[str, Any]:
    """What a training is told by these words."""
    context = command.make_context("train", ["--output", "run", *words], parent=ROOT)
    given = {name: value for name, value in context.params.items() if name in FIELDS}
    return chosen_settings(given, context.params["set_"])


def test_every_field_is_an_option_and_nothing_given_changes_nothing() -> None:
    assert set(FIELDS) <= set(OPTIONS)
    assert chosen() == {}


@pytest.mark.parametrize("name", FIELDS)
def test_the_help_has_the_defaults_of_the_dataclass(name: str) -> None:
    option = OPTIONS[name]
    context = click.Context(command, parent=ROOT)
    assert isinstance(option, click.Option)
    record = option.get_help_record(context)
    assert record is not None
    if name in RARE:
        shown = record[0].partition("=")[2]
    elif name in ("teacher", "noise", "tensorboard"):
        assert FIELDS[name] in ((), False) and "default" not in record[1]
        return
    else:
        match = re.search(r"\[default: ([^]]*)\]", record[1])
        assert match is not None, record
        shown = match[1]
    if name in IN_WORDS:
        assert shown == IN_WORDS[name]
        assert FIELDS[name] in (30, None, 0, 0.0, "")
    else:
        assert parse_value(name, shown) == FIELDS[name]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--set", "ema=0.99"], {"ema": 0.99}),
        (["--ema", "0.99"], {"ema": 0.99}),  # as it was written before
        (["--set", "bad_steps=3", "--set", "guide-until=0.5"],
         {"bad_steps": 3, "guide_until": 0.5}),
        (["--bad-steps", "3", "--guide-until", "0.5"], {"bad_steps": 3, "guide_until": 0.5}),
        (["--set", "ctc_switch=0.1,0.3"], {"ctc_switch": (0.1, 0.3)}),
        (["--set", "short_first=no"], {"short_first": False}),
        (["--no-short-first"], {"short_first": False}),
        (["--sampling", "0.2,0.4", "--speeds", "1"], {"sampling": (0.2, 0.4), "speeds": (1.0,)}),
        (["--set", "max_minutes=2.5", "--set", "epochs=none"],
         {"max_minutes": 2.5, "epochs": None}),
        (["--set", "max_steps=9"], {"max_steps": 9}),
        (["--set", "noise=/a,/b"], {"noise": ("/a", "/b")}),
        (["--noise", "/a", "--noise", "/b"], {"noise": ("/a", "/b")}),
    ],
)  # fmt: skip
def test_settings(words: list[str], expected: dict[str, Any]) -> None:
    found = chosen(*words)
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bad_step=3",
         "bad_step: no setting of a training has this name; near it: bad_steps, "
         "max_steps, validate_steps"),
        ("zzz=3", "zzz: no setting of a training has this name"),
        ("bad_steps", "bad_steps: expected bad_steps=VALUE"),
        ("bad_steps=1.5", "bad_steps 1.5: expected a whole number"),
        ("ema=much", "ema much: expected a number"),
        ("short_first=2", "short_first 2: expected yes or no"),
        ("sampling=0.1;0.5", "sampling 0.1;0.5: expected numbers separated by commas"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_setting(text)
    assert str(error.value) == sentence
    with pytest.raises(UsageError) as error:
        chosen("--set", text)
    assert str(error.value) == f"--set {sentence}"


def test_a_setting_is_given_once() -> None:
    for words in (["--ema", "0.9", "--set", "ema=0.9"], ["--set", "ema=0.9", "--set", "ema=0.8"]):
        with pytest.raises(UsageError, match="ema is given twice"):
            chosen(*words)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"keep_best": 0}, "keep_best 0: must be above 0"),
        ({"bad_steps": 0}, "bad_steps 0: must be above 0"),
        ({"workers": -1}, "workers -1: must not be negative"),
        ({"weight_decay": -0.1}, "weight_decay -0.1: must not be negative"),
        ({"ctc_switch": (0.5, 0.2)}, "ctc_switch 0.5,0.2: two rising shares from 0 to 1"),
        ({"ctc_switch": (0.5,)}, "ctc_switch 0.5: two rising shares from 0 to 1"),
        ({"clip": float("inf")}, "clip inf: must be a finite number"),
    ],
)
def test_the_dataclass_checks_them(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        TrainingConfig(**settings)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--early-stop", "-1"], "--early-stop -1: must not be negative"),
        (["--speeds", "1;2"], "--speeds 1;2: expected numbers separated by commas"),
        (["--set", "clip=0"], "--set clip=0.0: must be above 0"),
        (["--keep-best", "0"], "--set keep_best=0: must be above 0"),
        (["--max-minutes", "0"], "--max-minutes 0.0: must be above 0"),
    ],
)
def test_a_mistake_is_named_as_the_help_has_it(words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        chosen(*words)
    assert str(error.value) == sentence


def test_hidden_spellings_are_not_offered() -> None:
    shown = " ".join(
        record[0]
        for option in command.params
        if (record := option.get_help_record(click.Context(command, parent=ROOT)))
    )
    assert "--set" in shown and "--bad-steps" not in shown and "--ema" not in shown
