"""A name on the hub in; a checked model folder in the hub's cache, or a pushed model, out.

huggingface_hub talks to the hub. Each file lands under a temporary name in the cache and gets its
own name once its hash is the one that the hub lists; a broken transfer goes on where it stopped.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from las_cli.errors import LasError
from las_cli.saved_model.weights import shown
from las_cli.sharing.cache import (
    COMMIT,
    HubName,
    cache_folder,
    cached_sentence,
    cached_snapshot,
    is_offline,
    write_ref,
)
from las_cli.sharing.hashes import fits
from las_cli.sharing.remote_files import RemoteFile, choose_files

PATIENCE = 10.0  # seconds without an answer
RETRIES = 1  # of a transfer that breaks off without a byte


def fetch(name: HubName) -> Path:
    """The model's folder: from the cache if it is there, else from the hub."""
    found = cached_snapshot(name)
    return found if found is not None else pull(name)


def pull(name: HubName) -> Path:
    """Fetches what the hub has under `name` now; files already here are checked, not fetched again.

    Raises LasError for anything but a complete model whose files have the hashes the hub lists.
    """
    if is_offline():
        raise LasError(f"{name}: not fetched, HF_HUB_OFFLINE is set; {cached_sentence()}")
    with explained(name):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=endpoint()).model_info(
            name.repo, revision=name.revision, files_metadata=True, timeout=PATIENCE
        )
    commit = str(info.sha)
    if not COMMIT.fullmatch(commit):
        raise LasError(f"{name}: the hub gives no commit for it ({shown(commit)})")
    pinned = (name.revision or "").lower()
    if COMMIT.fullmatch(pinned) and commit != pinned:
        raise LasError(f"{name}: the hub answers with another commit, {commit}; nothing is fetched")
    files = choose_files(str(name), (_entry(sibling) for sibling in info.siblings or ()))
    folder = name.folder / "snapshots" / commit
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (name.folder / "blobs").mkdir(exist_ok=True)
        _check_space(name, files)
        for file in files:
            blob = name.folder / "blobs" / file.digest
            if not (blob.is_file() and fits(blob, file.digest)):
                blob.unlink(missing_ok=True)
                _download(name, commit, file, blob)
            _link(blob, folder / file.name)
        write_ref(name, commit)
    except OSError as error:
        raise LasError(
            f"{name}: cannot be written into {name.folder} ({error.strerror or error})"
        ) from error
    return folder


def _entry(sibling: Any) -> tuple[str, object, object]:
    lfs = sibling.lfs
    digest = None
    if lfs is not None:
        digest = lfs.get("sha256") if isinstance(lfs, Mapping) else getattr(lfs, "sha256", None)
    return sibling.rfilename, sibling.size, digest or sibling.blob_id


def _check_space(name: HubName, files: list[RemoteFile]) -> None:
    needed = sum(f.size for f in files if not (name.folder / "blobs" / f.digest).exists())
    free = shutil.disk_usage(name.folder).free
    if needed > free:
        raise LasError(
            f"{name}: needs {needed / 1e6:.0f} MB, the disk of {name.folder} has "
            f"{free / 1e6:.0f} MB left"
        )


class _Limited:
    """A file that takes no more bytes than the hub announced, so that none can fill the disk."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        self.seek, self.tell, self.truncate, self.flush = (
            file.seek, file.tell, file.truncate, file.flush,
        )  # fmt: skip

    def write(self, data: bytes) -> int:
        if self.file.tell() + len(data) > self.size:
            raise LasError(f"more than the {self.size} bytes that the hub lists")
        return self.file.write(data)


def _download(name: HubName, commit: str, file: RemoteFile, blob: Path) -> None:
    """One file, from where the last attempt stopped, into `blob` if its hash fits."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    partial = blob.with_name(f"{blob.name}.las.incomplete")
    lock = cache_folder() / ".locks" / name.folder.name / f"{blob.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with explained(name), WeakFileLock(lock):
        if blob.is_file():
            return  # another process has fetched it in the meantime
        with partial.open("ab") as target:
            if target.tell() > file.size:
                target.truncate(0)
            try:
                http_get(
                    hf_hub_url(name.repo, file.name, revision=commit, endpoint=endpoint()),
                    _Limited(target, file.size),  # type: ignore[arg-type]
                    resume_size=target.tell(),
                    headers=build_hf_headers(),
                    expected_size=file.size,
                    displayed_filename=file.name,
                    _nb_retries=RETRIES,
                )
            except LasError as error:
                target.truncate(0)
                raise LasError(f"{name}: {file.name} is {error}; nothing was kept") from error
        if not fits(partial, file.digest):
            partial.unlink()
            raise LasError(
                f"{name}: {file.name} does not have the hash that the hub lists; "
                "it was deleted, try again"
            )
        os.replace(partial, blob)


def _link(blob: Path, path: Path) -> None:
    """`path` in the snapshot becomes a link to `blob`, or a copy where links cannot be made."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(os.path.relpath(blob, path.parent))
    except (OSError, NotImplementedError):  # Windows without developer mode
        shutil.copyfile(blob, temporary)
    os.replace(temporary, path)


def push(folder: Path, files: Mapping[str, bytes | Path], name: HubName, private: bool) -> str:
    """Uploads `files` (name → content) in one commit; the repository is made if need be.

    folder: where they come from, for messages
    Returns the address of the commit.
    """
    if is_offline():
        raise LasError(f"{folder}: not pushed, HF_HUB_OFFLINE is set")
    with explained(name):
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.utils import RepositoryNotFoundError, get_session

        session = get_session()
        if hasattr(session, "timeout"):  # httpx; without this a hub that hangs is waited for
            session.timeout = 6 * PATIENCE
        api = HfApi(endpoint=endpoint())
        try:
            api.model_info(name.repo, timeout=PATIENCE)
        except RepositoryNotFoundError:
            api.create_repo(name.repo, private=private, exist_ok=True, repo_type="model")
        added = [CommitOperationAdd(path, content) for path, content in files.items()]
        commit = api.create_commit(
            name.repo, added, commit_message=f"las models push {folder.name}",
            revision=name.revision, repo_type="model",
        )  # fmt: skip
    return str(commit.commit_url)


def endpoint() -> str:
    """The hub's address, read at each call."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


@contextmanager
def explained(name: HubName) -> Iterator[None]:
    """Turns whatever the client raises into one sentence."""
    import huggingface_hub.utils as client

    if not sys.stderr.isatty():
        client.disable_progress_bars()
    client.logging.set_verbosity_error()
    try:
        yield
    except LasError:
        raise
    except Exception as error:  # the client's own classes differ from version to version
        raise LasError(f"{name}: {_reason(name, error)}; {cached_sentence()}") from error


def _root(error: BaseException) -> BaseException:
    """The first of an error and its causes that tells what the hub answered, else the error."""
    seen: BaseException | None = error
    while seen is not None:
        if getattr(seen, "response", None) is not None:
            return seen
        seen = seen.__cause__
    return error


def _reason(name: HubName, error: BaseException) -> str:
    error = _root(error)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    hub = endpoint()
    if "OfflineModeIsEnabled" in kinds:
        return "HF_HUB_OFFLINE is set"
    if "RevisionNotFoundError" in kinds:
        return f"the hub has no revision {name.revision}"
    if status == 401 or "LocalTokenNotFoundError" in kinds:
        return (
            f"{hub} answers 401: there is no such model, or it is private and your token is "
            "missing or wrong (set HF_TOKEN or run `hf auth login`)"
        )
    if status == 403 or "GatedRepoError" in kinds:
        return f"{hub} answers 403: your token may not do this (see {hub}/{name.repo})"
    if status == 404:
        return f"{hub} has no such model"
    if status is not None:
        return f"{hub} answers {status}"
    if kinds & {"TimeoutException", "Timeout", "TimeoutError"}:
        return f"{hub} does not answer within {PATIENCE:g} s"
    if kinds & {"TransportError", "ConnectionError", "NetworkError"}:
        return f"{hub} cannot be reached ({shown(str(error)) or 'no network'})"
    lines = str(error).splitlines()
    return f"the transfer failed ({shown(lines[0] if lines else type(error).__name__)})"
