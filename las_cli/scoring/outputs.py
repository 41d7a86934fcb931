"""Reports in, the files that the user asked for out."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from las_cli.errors import LasError
from las_cli.files import require_folder, whole_file
from las_cli.scoring.comparison import Comparison
from las_cli.scoring.report import Report


@contextmanager
def new_file(path: str) -> Iterator[TextIO]:
    """A UTF-8 text file that is there whole once the block ends well, else as it was before.

    "-" is standard output. A pipe or a device is written to, not replaced; so is what a link leads
    to. LasError if it cannot be written.
    """
    if path == "-":
        yield sys.stdout
        return
    if not _is_special(path):
        with whole_file(Path(os.path.realpath(path)), path) as data:
            text = io.TextIOWrapper(data, encoding="utf-8", newline="")
            yield text
            text.detach()
        return
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise LasError(f"{path}: cannot be written ({error.strerror or error})") from error


def require_writable(path: str) -> None:
    """LasError if `new_file` would fail, as far as can be told before there is what to write."""
    if path == "-":
        return
    folder = os.path.dirname(os.path.realpath(path))
    number = 0
    if os.path.isdir(path):
        number = errno.EISDIR
    elif _is_special(path):
        number = 0 if os.access(path, os.W_OK) else errno.EACCES
    elif not os.path.isdir(folder):
        number = errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT
    if number == 0 and not _is_special(path):
        require_folder(Path(folder), path, "name another file")
    if number:
        raise LasError(f"{path}: cannot be written ({os.strerror(number)})")


def _is_special(path: str) -> bool:
    """Whether a pipe, a device or the like stands there, which must not become a file."""
    return os.path.exists(path) and not os.path.isfile(path)


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
    from las_cli.scoring.json_report import to_json

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
