"""The commands in, one manual page each out, from the text that `--help` shows.

    python -m las_cli.cli.manual docs

writes the pages; a test compares them with the commands.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click

from las_cli.cli.grouped import GroupedCommand
from las_cli.cli.main import COMMANDS, cli

EXIT_CODES = (
    "0: all done. 1: some inputs failed, the others are done. 2: wrong usage. 3: all done, but "
    "sound is missing from some recordings (transcribe). 130: interrupted."
)
INDEX = "README.md"


def page(name: str) -> str:
    """The manual page of a command in Markdown."""
    context = cli.make_context("las", [], resilient_parsing=True)
    command = cli.get_command(context, name)
    assert command is not None, name
    own = click.Context(command, parent=context, info_name=name)
    usage = " ".join(command.collect_usage_pieces(own))
    parts = [
        f"# las {name}",
        f"```\nlas {name} {usage}\n```",
        *_paragraphs(command.help or COMMANDS[name]),
    ]
    if isinstance(command, click.Group):
        for sub in command.list_commands(own):
            found = command.get_command(own, sub)
            if found is not None and not found.hidden:
                inner = click.Context(found, parent=own, info_name=sub)
                usage = " ".join(found.collect_usage_pieces(inner))
                parts += [f"## las {name} {sub}", f"```\nlas {name} {sub} {usage}\n```"]
                parts += _paragraphs(found.help or "")
                parts += _options(found, inner, "###")
    parts += _options(command, own, "##")
    if isinstance(command, GroupedCommand) and command.examples:
        parts.append("## Examples")
        parts += [f"{meaning}\n\n```\n{line}\n```" for line, meaning in command.examples]
    if command.epilog:
        parts += _paragraphs(command.epilog)
    parts += ["## Exit codes", EXIT_CODES]
    return "\n\n".join(parts) + "\n"


def _options(command: click.Command, context: click.Context, level: str) -> list[str]:
    """A list of options for each group of them."""
    if isinstance(command, GroupedCommand):
        groups = command.grouped_options(context)
    else:
        shown = [
            option
            for option in command.get_params(context)
            if isinstance(option, click.Option) and not option.hidden
        ]
        groups = {"Options": list(shown)}
    parts = []
    for heading, options in groups.items():
        records = [option.get_help_record(context) for option in options]
        lines = [
            f"- `{names}`: {' '.join(text.split())}" if text else f"- `{names}`"
            for names, text in (record for record in records if record)
        ]
        if lines:
            title = (
                heading if heading == "Options" else f"Options: {heading[0].lower()}{heading[1:]}"
            )
            parts += [f"{level} {title}", "\n".join(lines)]
    return parts


def _paragraphs(text: str) -> list[str]:
    r"""Click's help text as Markdown: what follows a \b is laid out as written."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text).strip()):
        if paragraph.lstrip().startswith("\b"):
            body = paragraph.lstrip().removeprefix("\b").strip("\n")
            parts.append(f"```\n{inspect.cleandoc(body)}\n```")
        elif paragraph.strip():
            parts.append(" ".join(paragraph.split()))
    return parts


def index(names: list[str]) -> str:
    """The page that leads to the others."""
    rows = "\n".join(f"- [las {name}]({name}.md): {COMMANDS[name]}" for name in names)
    return (
        f"# The commands\n\nMade by `python -m las_cli.cli.manual docs`.\n\n{rows}\n\n{COMPLETION}"
    )


COMPLETION = """\
## Shell completion

Commands, options, file names, formats and shipped models are completed by the shell after one of
these lines, put into its start-up file:

```
eval "$(_LAS_COMPLETE=bash_source las)"              # ~/.bashrc (bash 4.4 or newer)
eval "$(_LAS_COMPLETE=zsh_source las)"               # ~/.zshrc
_LAS_COMPLETE=fish_source las | source               # ~/.config/fish/completions/las.fish
```

Evaluating takes a fraction of a second at each start of the shell; to save it, write the output
into a file once and source that.
"""


def pages() -> dict[str, str]:
    """File name → text of every page."""
    names = [name for name in COMMANDS if cli.get_command(click.Context(cli), name)]
    return {INDEX: index(names)} | {f"{name}.md": page(name) for name in names}


@click.command("manual", hidden=True)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="docs")
def command(folder: Path) -> None:
    """Write the manual pages of all commands into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    click.echo(f"{folder}: {len(COMMANDS)} pages")


if __name__ == "__main__":
    command()
