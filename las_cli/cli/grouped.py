"""A click command whose `--help` shows its options in named groups, and examples at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


class ListedSetting(click.Option):
    """A hidden option that the help lists as `shown_as`, the way another option takes it."""

    def __init__(self, *args: Any, shown_as: str, **kwargs: Any) -> None:
        kwargs["hidden"] = True
        super().__init__(*args, **kwargs)
        self.shown_as = shown_as

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return self.shown_as, self.help or ""


class GroupedCommand(click.Command):
    """`click.command(cls=GroupedCommand, groups={"Input": ["recursive"]}, examples=[…])`.

    groups: heading → names of parameters, in the order to show them; what is in no group comes
        last, under "Other"
    examples: command line and what it does
    """

    def __init__(
        self,
        *args: Any,
        groups: Mapping[str, Sequence[str]] | None = None,
        examples: Sequence[tuple[str, str]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.groups = dict(groups or {})
        self.examples = tuple(examples)
        known = {parameter.name for parameter in self.params}
        unknown = [name for names in self.groups.values() for name in names if name not in known]
        assert not unknown, f"groups of {self.name} name no option: {unknown}"

    def grouped_options(self, ctx: click.Context) -> dict[str, list[click.Parameter]]:
        """Heading → options, without arguments and what is hidden."""
        options = {
            str(option.name): option
            for option in self.get_params(ctx)
            if isinstance(option, click.Option)
            and (not option.hidden or isinstance(option, ListedSetting))
        }
        sections: dict[str, list[click.Parameter]] = {}
        for heading, names in self.groups.items():
            sections[heading] = [options.pop(name) for name in names if name in options]
        sections["Other" if self.groups else "Options"] = list(options.values())
        return {heading: shown for heading, shown in sections.items() if shown}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, options in self.grouped_options(ctx).items():
            records = [option.get_help_record(ctx) for option in options]
            with formatter.section(heading):
                formatter.write_dl([record for record in records if record is not None])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line, meaning in self.examples:
                    formatter.write(f"{' ':>{formatter.current_indent}}{line}\n")
                    with formatter.indentation():
                        formatter.write_text(meaning)
        super().format_epilog(ctx, formatter)


def options_given(*names: str) -> str:
    """Those of the options `names` that the user wrote, as they are written; empty if none."""
    context = click.get_current_context()
    written = click.core.ParameterSource.COMMANDLINE
    return ", ".join(
        "--" + name.replace("_", "-")
        for name in names
        if context.get_parameter_source(name) == written
    )
