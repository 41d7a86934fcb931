"""The pages in docs/ are what the commands say of themselves; the shell completes them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from las_cli.cli.main import COMMANDS, cli
from las_cli.cli.manual import INDEX, index, page
from las_cli.cli.transcribe import complete_formats, complete_models

DOCS = Path(__file__).parents[2] / "docs"
STALE = "run `python -m las_cli.cli.manual docs`"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_pages_are_up_to_date(name: str) -> None:
    if not (DOCS / INDEX).exists():
        pytest.skip("docs/ is not in this copy")
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == page(name), STALE


def test_the_index_names_every_command() -> None:
    if not (DOCS / INDEX).exists():
        pytest.skip("docs/ is not in this copy")
    assert (DOCS / INDEX).read_text(encoding="utf-8") == index(list(COMMANDS)), STALE
    pages = {path.name for path in DOCS.glob("*.md")}
    assert {INDEX, *(f"{name}.md" for name in COMMANDS)} <= pages


def test_a_page_has_all_options_and_examples() -> None:
    text = page("transcribe")
    command = cli.get_command(click.Context(cli), "transcribe")
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert any(f"{option}" in text for option in parameter.opts)
    for part in ("# las transcribe", "## Options: input", "## Examples", "## Exit codes", "-h, "):
        assert part in text


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("las tran", "plain,transcribe"),
        ("las transcribe --format txt,s", "plain,txt,srt"),
        ("las transcribe --beam 4 clip", "file,clip"),
        ("las transcribe --out", "plain,--output"),
    ],
)
def test_the_shell_completes(typed: str, offered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    if typed == "las tran":  # the group looks at every command, and some may not be there yet
        monkeypatch.setattr("las_cli.cli.main.COMMANDS", {"transcribe": "", "score": ""})
    assert offered in BashComplete(cli, {}, "las", "_LAS_COMPLETE").complete().splitlines()


def test_what_options_offer() -> None:
    assert complete_formats("txt,j") == ["txt,json"] and "all" in complete_formats("")
    assert [item.type for item in complete_models("my/mo")][-1] == "dir"
