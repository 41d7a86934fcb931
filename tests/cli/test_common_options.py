"""Options mean and are spelled the same in every command; former spellings still work."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from las_cli.cli.main import COMMANDS, cli
from las_cli.corpus import spread_cuts

# click keeps a command's help option as the first context has it: with -h, as `las` gives it.
ROOT = cli.make_context("las", [], resilient_parsing=True)
SHORT = {"--output": "-o", "--quiet": "-q", "--processes": "-j", "--model": "-m"}


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands and those within them, by name."""
    for name in COMMANDS:
        command = cli.get_command(ROOT, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for inner in command.list_commands(ROOT):
                found = command.get_command(ROOT, inner)
                assert found is not None
                yield f"{name} {inner}", found


ALL = dict(commands())


def option(command: str, flag: str) -> click.Option | None:
    for parameter in ALL[command].params:
        if isinstance(parameter, click.Option) and flag in parameter.opts:
            return parameter
    return None


def with_option(flag: str) -> set[str]:
    return {name for name in ALL if option(name, flag)}


def test_which_commands_have_them() -> None:
    assert with_option("--output") == {
        "transcribe", "decode", "prepare", "train", "adapt", "train-lm", "train-punctuation",
        "average", "models export",
    }  # fmt: skip
    assert with_option("--quiet") == {
        "transcribe", "decode", "prepare", "train", "adapt", "train-lm", "train-punctuation",
    }  # fmt: skip
    assert with_option("--processes") == {"transcribe", "prepare", "train", "benchmark train"}
    assert with_option("--clips") == {
        "decode", "tune", "benchmark decode", "benchmark hotwords", "benchmark train",
    }  # fmt: skip
    searching = {"transcribe", "decode", "tune", "score", "benchmark hotwords"}
    assert with_option("--search") == with_option("--beam-threshold") == searching
    assert with_option("--hotwords") == {"transcribe", "decode", "score"}


@pytest.mark.parametrize("flag", ["--output", "--quiet", "--processes"])
def test_short_forms(flag: str) -> None:
    for name in with_option(flag):
        found = option(name, flag)
        assert found is not None and SHORT[flag] in found.opts, name
    for name in ALL:  # nor do they mean anything else
        short = option(name, SHORT[flag])
        assert short is None or flag in short.opts, name


@pytest.mark.parametrize(
    ("command", "words", "name", "value"),
    [
        ("prepare", ["c", "-o", "out", "--jobs", "3"], "jobs", 3),
        ("prepare", ["c", "-o", "out", "--processes", "3"], "jobs", 3),
        ("transcribe", ["a.wav", "--jobs", "4"], "processes", 4),
        ("transcribe", ["a.wav", "-j", "4"], "processes", 4),
        ("transcribe", ["a.wav", "--output-dir", "texts"], "output", "texts"),
        ("transcribe", ["a.wav", "--output", "texts"], "output", "texts"),
        ("train", ["-o", "run", "--jobs", "2"], "processes", 2),
        ("train", ["-o", "run", "-q"], "quiet", True),
        ("benchmark train", ["--jobs", "2"], "processes", 2),
        ("decode", ["-m", "en", "--data", "c", "-o", "out", "--limit", "5"], "limit", 5),
    ],
)
def test_former_spellings(command: str, words: list[str], name: str, value: object) -> None:
    assert ALL[command].make_context(command, words, parent=ROOT).params[name] == value


@pytest.mark.parametrize("former", ["--jobs", "--output-dir", "--limit"])
def test_no_help_shows_them(former: str) -> None:
    for name, command in ALL.items():
        assert former not in command.get_help(click.Context(command, parent=ROOT)), name


def test_a_former_spelling_is_checked_too() -> None:
    result = CliRunner().invoke(cli, ["transcribe", "a.wav", "--jobs", "0"])
    assert result.exit_code == 2 and "0 is not in the range" in result.output


@pytest.mark.parametrize(
    ("most", "left"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6]),
        (7, [0, 1, 2, 3, 4, 5, 6]),
        (9, [0, 1, 2, 3, 4, 5, 6]),
        (4, [0, 2, 4, 6]),
        (3, [0, 3, 6]),
        (1, [0]),
    ],
)
def test_clips_are_spread(most: int | None, left: list[int]) -> None:
    assert list(spread_cuts(list(range(7)), most)) == left  # type: ignore[arg-type]
