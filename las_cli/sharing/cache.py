"""Names such as hf:user/repo@revision in; folders in the hub's cache out. No network, no client.

The layout is the documented one of huggingface_hub: models--USER--REPO/{refs,snapshots,blobs}.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from las_cli.errors import LasError, UsageError
from las_cli.sharing.remote_files import NEEDED

PREFIX = "hf:"
_NAME = re.compile(PREFIX + r"([\w.-]{1,96})/([\w.-]{1,96})(?:@([\w./-]{1,200}))?", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A model on the hub."""

    repo: str  # user/name
    revision: str | None = None  # branch, tag or commit; None is the branch main

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @property
    def folder(self) -> Path:
        """Where the cache keeps the repository."""
        return cache_folder() / f"models--{self.repo.replace('/', '--')}"


def is_hub_name(text: str) -> bool:
    """Whether a model's name says that it lies on the hub; `parse_hub_name` checks the rest."""
    return text.startswith(PREFIX)


def parse_hub_name(text: str) -> HubName:
    """hf:user/repo or hf:user/repo@revision. UsageError for anything else."""
    match = _NAME.fullmatch(text)
    if match is None or ".." in text or "--" in text.split("@")[0]:
        raise UsageError(f"{text}: expected hf:user/repo or hf:user/repo@revision")
    if (match[3] or "").startswith("/"):
        raise UsageError(f"{text}: a revision is a branch, a tag or a commit")
    return HubName(f"{match[1]}/{match[2]}", match[3])


def short_name(text: str, folder: Path) -> str:
    """What to call the model `text` in `folder`: there the cache has a commit, not a name."""
    if is_hub_name(text):
        return parse_hub_name(text).repo.split("/")[-1]
    return folder.resolve().name


def cache_folder() -> Path:
    """The hub's cache, found as huggingface_hub finds it; the environment is read at each call."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if found := os.environ.get(variable):
            return Path(os.path.expandvars(found)).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(os.path.expandvars(home)).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(base)).expanduser() / "huggingface" / "hub"


def is_offline() -> bool:
    """Whether the user has forbidden all traffic."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in ("1", "ON", "YES", "TRUE")


def cached_snapshot(name: HubName) -> Path | None:
    """The folder of a model that is complete in the cache, else None."""
    snapshots = name.folder / "snapshots"
    revision = name.revision or "main"
    commit: str | None = revision
    if not COMMIT.fullmatch(revision):
        commit = _read_ref(name.folder / "refs" / revision)
        if commit is None and re.fullmatch(r"[0-9a-f]{7,39}", revision) and snapshots.is_dir():
            fitting = [p.name for p in snapshots.iterdir() if p.name.startswith(revision)]
            commit = fitting[0] if len(fitting) == 1 else None
    folder = snapshots / commit if commit else None
    return folder if folder is not None and is_complete(folder) else None


def is_complete(folder: Path) -> bool:
    """Whether a folder has the files of a las model."""
    return all((folder / name).is_file() for name in NEEDED)


def cached_models() -> dict[str, Path]:
    """Name → folder of each las model in the cache, one entry a commit."""
    from las_cli.files import read_json
    from las_cli.saved_model.names import CONFIG

    found = {}
    root = cache_folder()
    for repo in sorted(root.glob("models--*")) if root.is_dir() else []:
        parts = repo.name.split("--")
        if len(parts) != 3:
            continue
        name = HubName(f"{parts[1]}/{parts[2]}")
        refs = {_read_ref(p): p.name for p in sorted((repo / "refs").glob("*")) if p.is_file()}
        for folder in sorted((repo / "snapshots").glob("*")):
            if not is_complete(folder):
                continue
            try:
                if "network" not in read_json(folder / CONFIG):
                    continue  # alphabet.json beside config.json, but of another program
            except LasError:
                continue
            revision = refs.get(folder.name, folder.name[:12])
            found[f"{name}" if revision == "main" else f"{name}@{revision}"] = folder
    return found


def cached_sentence() -> str:
    """What could be used without a network, for error messages."""
    names = list(cached_models())
    return f"cached models: {', '.join(names[:20]) or 'none'}"


def write_ref(name: HubName, commit: str) -> None:
    """Notes which commit a branch or tag was when it was fetched."""
    from las_cli.files import write_bytes

    revision = name.revision or "main"
    if not COMMIT.fullmatch(revision):
        path = name.folder / "refs" / revision
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, commit.encode())


def _read_ref(path: Path) -> str | None:
    try:
        commit = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if COMMIT.fullmatch(commit) else None
