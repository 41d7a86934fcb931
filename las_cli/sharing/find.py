"""A model by name in, its folder or the model itself out: shipped, a path, or on the hub."""

from __future__ import annotations

from pathlib import Path

from las_cli.errors import LasError
from las_cli.saved_model.folder import (
    LoadedModel,
    load_folder,
)
from las_cli.saved_model.names import CONFIG, WEIGHTS
from las_cli.saved_model.weights import (
    WHY_NO_PICKLE,
    is_pickle,
    pickles_in,
    shown,
)
from las_cli.sharing.cache import is_hub_name, parse_hub_name


def shipped_models() -> dict[str, Path]:
    """Name → folder of the models that travel with the package."""
    from importlib.resources import files

    # In an installed package; in a checkout, models/ stands beside las_cli/.
    package = Path(str(files("las_cli")))
    roots = [package / "models"]
    if (
        package.parent / "pyproject.toml"
    ).is_file():  # not some other package's site-packages/models
        roots.append(package.parent / "models")
    found: dict[str, Path] = {}
    for root in roots:
        if root.is_dir():
            for folder in sorted(root.iterdir()):
                if (folder / CONFIG).is_file():
                    found.setdefault(folder.name, folder)
    return found


def find_model(name: str) -> Path:
    """The folder of a shipped model's name, of a path, or of hf:user/repo[@revision].

    Only the last may use the network, and only if the model is not in the hub's cache yet.
    LasError says what there is instead.
    """
    if is_hub_name(name):
        from las_cli.sharing.hub_client import fetch

        return fetch(parse_hub_name(name))
    try:
        folder = Path(name).expanduser()
        if (folder / CONFIG).is_file():
            return folder
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such home, a zero byte
        raise LasError(f"{shown(name)}: no such model or folder ({error})") from error
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    known = f"shipped models: {', '.join(shipped) or 'none'}"
    if folder.is_dir():
        if pickles := pickles_in(folder):
            raise LasError(
                f"{folder / pickles[0]}: {WHY_NO_PICKLE}; {CONFIG} and {WEIGHTS} are missing"
            )
        raise LasError(
            f"{name}: no las model folder ({CONFIG} is missing); give a folder that "
            f"`las train` wrote, or a name ({known})"
        )
    if folder.is_file():
        if is_pickle(folder):
            raise LasError(
                f"{name}: {WHY_NO_PICKLE}; `las models convert` takes checkpoints of the "
                f"research code, a model is a folder or a name ({known})"
            )
        raise LasError(f"{name}: is a file, a model is a folder or a name ({known})")
    raise LasError(f"{shown(name)}: no such model or folder ({known})")


def load_model(name: str, device: str = "auto") -> LoadedModel:
    """The model `name` (see `find_model`) on `device`, in evaluation mode.

    Raises LasError for anything missing, damaged or of another shape, naming file and field.
    """
    folder = find_model(name)
    return load_folder(folder, name if is_hub_name(name) else folder.resolve().name, device)
