"""Reports in, the files that the user asked for out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from las_cli.errors import LasError
from las_cli.scoring.comparison import Comparison
from las_cli.scoring.report import Report


@contextmanager
def new_file(path: str) -> Iterator[TextIO]:
    """A UTF-8 text file that is there whole once the block ends well, else as it was before.

    "-" is standard output. LasError if it cannot be written.
    """
    if path == "-":
        yield sys.stdout
        return
    temporary = f"{path}.part"
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        raise LasError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_outputs(
    paths: Mapping[str, str | None], reports: Sequence[Report], comparisons: Sequence[Comparison]
) -> None:
    """Write `paths` (by kind: html, json, pra, dtl); kinds without a path are left out."""
    for kind, make in _MAKERS.items():
        if path := paths.get(kind):
            with new_file(path) as file:
                file.writelines(make(reports, comparisons))


def _html(reports: Sequence[Report], comparisons: Sequence[Comparison]) -> Iterable[str]:
    from las_cli.scoring.page import to_html

    return [to_html(reports, comparisons)]


def _json(reports: Sequence[Report], comparisons: Sequence[Comparison]) -> Iterable[str]:
    from las_cli.scoring.export import to_json

    return [to_json(reports, comparisons), "\n"]


def _pra(reports: Sequence[Report], comparisons: Sequence[Comparison]) -> Iterable[str]:
    from las_cli.scoring.pra import pra_lines

    return (f"{line}\n" for report in reports for line in pra_lines(report))


def _dtl(reports: Sequence[Report], comparisons: Sequence[Comparison]) -> Iterable[str]:
    from las_cli.scoring.pra import dtl_lines

    return (f"{line}\n" for report in reports for line in dtl_lines(report))


_MAKERS: Mapping[str, Callable[[Sequence[Report], Sequence[Comparison]], Iterable[str]]] = {
    "html": _html,
    "json": _json,
    "pra": _pra,
    "dtl": _dtl,
}
