"""Models shared, and the cards they get."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.language.letter_lm import LetterLM, LetterLMConfig
from las_cli.language.store import save_language_model
from las_cli.sharing.cache import parse_hub_name
from las_cli.sharing.card import make_card, thinned
from las_cli.sharing.find import load_model
from las_cli.sharing.hub_client import push
from las_cli.sharing.upload import files_to_share, without_paths
from tests.sharing.conftest import LETTERS
from tests.sharing.hub_server import Hub, files_of, within

MINE = "hf:me/mine"


@pytest.fixture
def run(model_folder: Path, tmp_path: Path) -> Path:
    """A run as training leaves it: metrics, checkpoints, a language model, no card."""
    folder = tmp_path / "run"
    (folder / "checkpoints" / "step-1").mkdir(parents=True)
    (folder / "checkpoints" / "step-1" / "optimiser.pt").write_bytes(b"x")
    for name, data in files_of(model_folder).items():
        (folder / name).write_bytes(data)
    rows = [{"step": 10 * i, "hours": i / 2, "dev_ler": 0.9 - i / 20, "dev_wer": 1.0,
             "dev_ctc_ler": 0.5} for i in range(12)]  # fmt: skip
    lines = [json.dumps(row) for row in ({"step": 1, "loss": 3.0}, *rows)]
    (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"dev_ler": "bad"}', "{", ""]))
    config = LetterLMConfig(units=len(LETTERS), embedding=2, hidden=3, layers=1)
    save_language_model(folder, LetterLM(config), LETTERS, {"text": "/home/somebody/words.txt"})
    return folder


def test_pictures_are_shared_only_where_the_own_card_shows_them(run: Path) -> None:
    for name in ("curves.png", "attention.png"):  # the second holds sentences of the dev split
        (run / name).write_bytes(b"picture")
    loaded = load_model(str(run), "cpu")
    assert not [name for name in files_to_share(loaded, "me/mine") if name.endswith(".png")]
    (run / "README.md").write_text("# Mine\n\n![curves](curves.png)\n")
    shared = files_to_share(loaded, "me/mine")
    assert [name for name in shared if name.endswith(".png")] == ["curves.png"]


def test_a_run_is_shared_and_comes_back(hub: Hub, run: Path) -> None:
    hub.token = "nobody"
    files = files_to_share(load_model(str(run), "cpu"), "me/mine", language="en", licence="mit")
    url = push(run, files, parse_hub_name(MINE), private=True)
    repository = hub.repositories["me/mine"]
    assert repository.private and url.endswith(repository.branches["main"])
    shared = repository.commits[repository.branches["main"]]
    assert sorted(shared) == [
        "README.md", "alphabet.json", "config.json", "lm.json", "lm.safetensors",
        "model.safetensors",
    ]  # fmt: skip
    assert shared["model.safetensors"] == (run / "model.safetensors").read_bytes()
    everything = b"".join(shared.values())
    assert b"somebody" not in everything  # the folders of one's machine are private
    assert json.loads(shared["config.json"])["facts"]["data"] == "corpus"
    assert load_model(MINE, "cpu").facts["dev_ler"] == 0.25
    again = push(run, files, parse_hub_name(MINE), private=False)  # a second commit
    assert again.endswith(repository.branches["main"]) and len(repository.commits) == 3


def test_a_card_is_made_from_the_metrics(run: Path) -> None:
    facts = {"dev_ler": 0.25, "dev_wer": 0.5, "data": "corpus", "train_hours": 1.5}
    card = make_card(run, "me/mine", facts, LETTERS.units, language="en", licence="mit")
    head, body = card.split("\n---\n", 1)
    for line in (
        "pipeline_tag: automatic-speech-recognition", "- automatic-speech-recognition",
        "language: en", "license: mit", "library_name: las-cli", "value: 0.25", "type: cer",
    ):  # fmt: skip
        assert line in head, line
    assert "las transcribe --model hf:me/mine talk.mp3" in body
    assert "Dev split: LER 25.00%, WER 50.00%" in body
    assert "| 0 | 0.0 | 90.00% | 100.00% | 50.00% |" in body  # the first, and the best
    assert "| 110 | 5.5 | 35.00% | 100.00% | 50.00% |" in body
    assert "- hours of speech: 1.5" in body and "- corpus: corpus" in body


def test_a_card_of_ones_own_keeps_its_words_and_gets_the_tag(run: Path) -> None:
    (run / "README.md").write_text("---\nlicense: cc0-1.0\ntags:\n- welsh\n---\n\n# Mine\n\nYes.\n")
    card = make_card(run, "me/mine", {}, LETTERS.units)
    assert "license: cc0-1.0" in card and "# Mine\n\nYes.\n" in card
    assert "- welsh\n- automatic-speech-recognition" in card
    (run / "README.md").write_text("# No front matter\n")
    card = make_card(run, "me/mine", {}, LETTERS.units)
    assert "- automatic-speech-recognition" in card and card.endswith("# No front matter\n")


def test_what_is_said_on_the_command_line_goes_before_what_the_card_says(run: Path) -> None:
    (run / "README.md").write_text("---\nlicense: cc0-1.0\nlanguage: cy\n---\n# Mine\n")
    for options, lines in (
        ({}, ("license: cc0-1.0", "language: cy")),
        ({"licence": "mit"}, ("license: mit", "language: cy")),
        ({"language": "en"}, ("license: cc0-1.0", "language: en")),
    ):
        card = make_card(run, "me/mine", {}, LETTERS.units, **options)
        assert all(line in card.splitlines() for line in lines), card
        assert card.count("license:") == card.count("language:") == 1


def test_a_card_whose_front_matter_is_no_yaml(run: Path) -> None:
    (run / "README.md").write_text("---\ntags: [a\n---\n# Mine\n")
    with pytest.raises(LasError, match="README.md: what stands between --- is no YAML"):
        make_card(run, "me/mine", {}, LETTERS.units)


def test_tables_are_thinned_to_the_first_the_best_and_the_last() -> None:
    rows = [{"dev_ler": 1.0 - i / 100} for i in range(50)] + [{"dev_ler": 0.1}, {"dev_ler": 0.7}]
    kept = thinned(rows)
    assert len(kept) <= 8 and rows[0] in kept and rows[-1] in kept and rows[-2] in kept


def test_paths_are_shortened_wherever_they_are() -> None:
    found = without_paths(
        {"a": "/home/me/x", "b": ["C:\\Users\\me\\y", "../shared/z", "~/w"], "c": "1/2", "d": 3}
    )
    assert found == {"a": "x", "b": ["y", "z", "w"], "c": "1/2", "d": 3}


def test_a_damaged_model_is_not_shared(run: Path) -> None:
    loaded = load_model(str(run), "cpu")
    data = bytearray((run / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (run / "model.safetensors").write_bytes(data)
    with pytest.raises(LasError, match="model.safetensors: differs from the hash"):
        files_to_share(loaded, "me/mine")


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "answers 401"), (403, "answers 403: your token may not do this"), (500, "answers 500")],
)
def test_a_hub_that_refuses(
    hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch, status: int, message: str
) -> None:
    hub.status = status
    with pytest.raises(LasError, match=message):
        push(run, {"config.json": b"{}"}, parse_hub_name(MINE), private=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(LasError, match="not pushed, HF_HUB_OFFLINE is set"):
        push(run, {"config.json": b"{}"}, parse_hub_name(MINE), private=False)


def test_a_transfer_that_is_refused_says_why(hub: Hub, run: Path) -> None:
    hub.refuse = "/upload/"
    files = files_to_share(load_model(str(run), "cpu"), "me/mine")
    with pytest.raises(LasError, match="answers 403: your token may not do this"):
        push(run, files, parse_hub_name(MINE), private=False)


def test_a_hub_that_hangs(hub: Hub, run: Path) -> None:
    hub.hang = "/api/"
    began = time.monotonic()
    with pytest.raises(LasError, match="does not answer within 1 s"):
        push(run, {"config.json": b"{}"}, parse_hub_name(MINE), private=False)
    assert within(25, began)
