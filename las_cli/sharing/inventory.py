"""The models at hand in, a row each out. Reads JSON only; torch is never imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from las_cli.errors import LasError
from las_cli.files import read_json
from las_cli.saved_model.folder import section
from las_cli.saved_model.names import CONFIG
from las_cli.sharing.cache import cached_models
from las_cli.sharing.card import is_rate
from las_cli.sharing.find import shipped_models
from las_cli.sharing.remote_files import FILES

RUNS = Path("runs")  # where `las train` puts its runs by habit
DEEPEST = 2  # folders below the one that is searched for runs


@dataclass(frozen=True)
class ModelEntry:
    """One model that `--model` would take."""

    name: str
    origin: str  # shipped, cached, run
    folder: Path
    ler: float | None  # of the dev split, as a share
    wer: float | None
    size: int  # bytes of the files that make up the model
    note: str = ""  # what is wrong with it


def inventory(runs: Path = RUNS) -> list[ModelEntry]:
    """Shipped models, those in the hub's cache, those below `runs`."""
    rows = [_entry(name, "shipped", folder) for name, folder in shipped_models().items()]
    rows += [_entry(name, "cached", folder) for name, folder in cached_models().items()]
    return rows + [_entry(str(folder), "run", folder) for folder in _runs(runs, DEEPEST)]


def _runs(folder: Path, deep: int) -> list[Path]:
    """Model folders: `folder` itself, or those at most `deep` folders below it."""
    try:
        found = [folder] if (folder / CONFIG).is_file() else []
        if deep and folder.is_dir():
            below = sorted(p for p in folder.iterdir() if p.is_dir() and p.name != "checkpoints")
            found += [model for path in below for model in _runs(path, deep - 1)]
    except OSError:  # a folder that one may not enter
        return []
    return found


def _entry(name: str, origin: str, folder: Path) -> ModelEntry:
    size = sum((folder / file).stat().st_size for file in FILES if (folder / file).is_file())
    try:
        facts = section(read_json(folder / CONFIG), "facts", folder / CONFIG)
    except LasError as error:
        return ModelEntry(name, origin, folder, None, None, size, str(error))
    rates = [facts.get(key) if is_rate(facts.get(key)) else None for key in ("dev_ler", "dev_wer")]
    return ModelEntry(name, origin, folder, rates[0], rates[1], size)
