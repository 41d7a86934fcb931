"""The real client against a hub on this machine: fetched, pinned, resumed, refused."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.sharing import hub_client
from las_cli.sharing.cache import cached_models, parse_hub_name
from las_cli.sharing.find import find_model, load_model
from las_cli.sharing.hashes import check_hashes
from las_cli.sharing.hub_client import pull
from tests.sharing.hub_server import Hub, Repository, files_of, serving, within

NAME = "hf:someone/tiny"


def cached_bytes(tmp_path: Path) -> list[Path]:
    return [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_a_model_is_fetched_once_and_then_needs_no_network(
    hub: Hub, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_model(NAME, "cpu")
    assert loaded.name == NAME and loaded.facts["preset"] == "tiny"
    names = sorted(path.name for path in loaded.folder.iterdir())
    assert names == ["README.md", "alphabet.json", "config.json", "model.safetensors"]
    for path in loaded.folder.iterdir():  # nothing but what the hub's cache documents
        assert path.resolve().parent.name == "blobs"
    assert all(check.ok for check in check_hashes(loaded.folder, {}))
    seen = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_model(NAME) == loaded.folder
    assert cached_models() == {NAME: loaded.folder}
    assert len(hub.requests) == seen


def test_revisions_are_pinned(hub: Hub, model_folder: Path) -> None:
    repository = hub.repositories["someone/tiny"]
    old = repository.branches["main"]
    files = files_of(model_folder)
    first = find_model(NAME)
    config = json.loads(files["config.json"]) | {"facts": {"preset": "newer"}}
    new = repository.commit(files | {"config.json": json.dumps(config).encode()})
    repository.branches["v2"] = new
    assert find_model(NAME) == first  # what was fetched stays until it is pulled again
    assert pull(parse_hub_name(NAME)).name == new
    assert find_model(NAME).name == new
    assert find_model(f"{NAME}@{old}") == first and find_model(f"{NAME}@{old[:10]}") == first
    assert find_model(f"{NAME}@v2").name == new
    weights = [line for line in hub.downloads() if "model.safetensors" in line]
    assert len(weights) == 1  # the same in both
    with pytest.raises(LasError, match="the hub has no revision v3; cached models: hf:someone"):
        find_model(f"{NAME}@v3")


def test_a_hub_that_gives_another_commit_than_the_pinned_one_is_refused(hub: Hub) -> None:
    repository = hub.repositories["someone/tiny"]
    pinned = "a" * 40
    repository.branches[pinned] = repository.branches["main"]  # a branch that poses as a commit
    with pytest.raises(LasError, match="the hub answers with another commit"):
        find_model(f"{NAME}@{pinned}")
    assert not [line for line in hub.downloads() if "resolve" in line]


def test_a_broken_transfer_goes_on_where_it_stopped(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.break_at = 1000
    monkeypatch.setattr(hub_client, "RETRIES", 0)
    for _ in range(8):  # each file breaks once; each attempt is a new call of the command
        try:
            folder = find_model(NAME)
            break
        except LasError as error:
            assert "; cached models: none" in str(error)
    assert any("bytes=1000-" in line for line in hub.downloads())
    assert all(check.ok for check in check_hashes(folder, {}))
    assert not [path for path in cached_bytes(tmp_path) if "incomplete" in path.name]


def test_a_transfer_that_breaks_is_taken_up_within_the_call(hub: Hub) -> None:
    hub.break_at = 1000
    assert load_model(NAME, "cpu").facts["preset"] == "tiny"
    assert any("bytes=1000-" in line for line in hub.downloads())


def test_a_wrong_hash_is_refused_and_nothing_is_kept(hub: Hub, tmp_path: Path) -> None:
    data = hub.repositories["someone/tiny"].commits[
        hub.repositories["someone/tiny"].branches["main"]
    ]["model.safetensors"]
    hub.change["model.safetensors"] = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(LasError, match="model.safetensors does not have the hash"):
        find_model(NAME)
    assert not [path for path in cached_bytes(tmp_path) if "incomplete" in path.name]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in cached_bytes(tmp_path)]
    assert hashlib.sha256(hub.change["model.safetensors"]).hexdigest() not in digests
    assert cached_models() == {}
    hub.change["model.safetensors"] = data + b"more" * 1000
    with pytest.raises(LasError, match="model.safetensors is more than the|transfer failed"):
        find_model(NAME)
    hub.change.clear()
    assert load_model(NAME, "cpu").facts["preset"] == "tiny"


def test_a_file_damaged_in_the_cache_is_fetched_again_by_pull(hub: Hub) -> None:
    folder = find_model(NAME)
    blob = (folder / "alphabet.json").resolve()
    blob.write_bytes(b"{}")
    assert [c.name for c in check_hashes(folder, {}) if not c.ok] == ["alphabet.json"]
    pull(parse_hub_name(NAME))
    assert all(check.ok for check in check_hashes(folder, {}))


def test_only_the_files_of_a_model_are_fetched(hub: Hub) -> None:
    find_model(NAME)
    fetched = {line.split("/")[-1] for line in hub.downloads()}
    assert fetched == {"README.md", "alphabet.json", "config.json", "model.safetensors"}


@pytest.mark.parametrize(
    "listed",
    ["../../.bashrc", "/etc/passwd", "a/../../b", "C:\\x", "\\\\server\\x", "..\\x", "a\nb", "C:x"],
)
def test_names_that_lead_out_of_the_folder_are_refused(
    hub: Hub, tmp_path: Path, listed: str
) -> None:
    hub.names["notes.txt"] = listed
    with pytest.raises(LasError, match="leads out of its folder; nothing was fetched"):
        find_model(NAME)
    assert hub.downloads() == [] and cached_bytes(tmp_path) == []


def test_repositories_that_are_no_model(hub: Hub) -> None:
    hub.repositories["someone/pickle"] = Repository()
    hub.repositories["someone/pickle"].commit({"config.json": b"{}", "pytorch_model.bin": b"x"})
    with pytest.raises(LasError, match="holds pytorch_model.bin, a pickle, which can run any"):
        find_model("hf:someone/pickle")
    hub.repositories["someone/else"] = Repository()
    hub.repositories["someone/else"].commit({"README.md": b"x"})
    with pytest.raises(LasError, match="is no las model .model.safetensors, alphabet.json, config"):
        find_model("hf:someone/else")
    hub.sizes["config.json"] = 10**12
    with pytest.raises(LasError, match="config.json has 1000000000000 bytes, expected at most"):
        find_model(NAME)
    assert hub.downloads() == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "answers 401: there is no such model, or it is private and your token is missing"),
        (403, "answers 403: your token may not do this"),
        (404, "has no such model"),
        (500, "answers 500"),
        (503, "answers 503"),
    ],
)
def test_a_hub_that_says_no(hub: Hub, status: int, message: str) -> None:
    hub.status = status
    began = time.monotonic()
    with pytest.raises(LasError, match=message) as caught:
        find_model(NAME)
    assert "; cached models: none" in str(caught.value) and "\n" not in str(caught.value)
    assert len(hub.requests) == 1 and within(30, began)


def test_a_token_is_used_and_a_wrong_one_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "secret"
    with pytest.raises(LasError, match="answers 401"):
        find_model(NAME)
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert find_model(NAME).is_dir()


def test_the_token_stays_with_the_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    hub.token = "secret"
    with serving() as cdn:
        cdn.repositories = hub.repositories
        hub.elsewhere = cdn.address
        assert load_model(NAME, "cpu").facts["preset"] == "tiny"
        assert cdn.tokens_seen == [""]


@pytest.mark.parametrize("where", ["/api/models/", "/resolve/"])
def test_a_hub_that_hangs_is_not_waited_for(hub: Hub, where: str) -> None:
    hub.hang = where
    began = time.monotonic()
    with pytest.raises(LasError, match="does not answer within 1 s; cached models: none"):
        find_model(NAME)
    assert within(25, began)


def test_without_a_network_the_answer_says_what_is_cached(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_model(NAME)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    began = time.monotonic()
    with pytest.raises(LasError, match="127.0.0.1:9 cannot be reached.*cached models: hf:someone/"):
        find_model("hf:someone/other")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(LasError, match="not fetched, HF_HUB_OFFLINE is set; cached models: hf:s"):
        find_model("hf:someone/other")
    assert within(25, began)
    with pytest.raises(LasError, match="no such model or folder"):
        find_model("someone/other")  # without hf: nothing is ever asked
