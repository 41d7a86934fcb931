"""`las models`: what a person sees."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from tests.sharing.hub_server import Hub

WIDE = {"COLUMNS": "400"}


def las(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments], env=WIDE)


def test_list_shows_shipped_cached_and_own_models(
    hub: Hub, model_folder: Path, tmp_path: Path
) -> None:
    assert las("pull", "hf:someone/tiny").exit_code == 0
    shutil.copytree(model_folder, tmp_path / "runs" / "deep" / "mine")
    (tmp_path / "runs" / "bad").mkdir()
    (tmp_path / "runs" / "bad" / "config.json").write_text("{")
    result = las("list", str(tmp_path / "runs"))
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line for line in result.output.splitlines()}
    assert "shipped" in rows["en"]
    assert "cached" in rows["hf:someone/tiny"] and "25.0%" in rows["hf:someone/tiny"]
    assert "50.0%" in rows[str(tmp_path / "runs" / "deep" / "mine")]
    assert "not readable as JSON" in rows[str(tmp_path / "runs" / "bad")]


def test_list_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from las_cli.cli.main import cli; "
        "cli(['models', 'list'], standalone_mode=False); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_info_shows_card_sizes_rates_and_hashes(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(model_folder, folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A \x1b[31mred\x1b[0m card\n")
    rows = [{"step": 10, "hours": 1.5, "dev_ler": 0.4, "dev_wer": 0.8, "dev_ctc_ler": 0.5}]
    (folder / "metrics.jsonl").write_text(json.dumps(rows[0]))
    result = las("info", str(folder))
    assert result.exit_code == 0, result.output
    for text in ("red", "listener", "5 letters", "␣ ' a b c", "40.00%", "1.5", "dev ler",
                 "model.safetensors", "as its config says"):  # fmt: skip
        assert text in result.output, text
    assert "\x1b[31m" not in result.output  # a card cannot steer the terminal
    assert "red" not in las("info", str(folder), "--no-card").output
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    result = las("info", str(folder))
    assert result.exit_code == 1 and "WRONG" in result.output
    assert "differs from the hash that its config gives" in result.output


def test_push_and_export_and_their_mistakes(hub: Hub, model_folder: Path, tmp_path: Path) -> None:
    result = las("push", str(model_folder), "hf:me/new", "--private")
    assert result.exit_code == 0, result.output
    assert hub.repositories["me/new"].private
    result = las("export", "hf:me/new", "--to", str(tmp_path / "copy"), "--half")
    assert result.exit_code == 0 and (tmp_path / "copy" / "README.md").is_file(), result.output
    for arguments in (["--to", "onnx", "--half"], ["--to", str(tmp_path), "--output", "x"]):
        assert las("export", str(model_folder), *arguments).exit_code == 2
    assert las("pull", "someone/tiny").exit_code == 2


def test_graphs_of_a_format_in_any_case_and_under_the_models_name(
    hub: Hub, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for model, folder in (("hf:someone/tiny", "tiny"), (str(model_folder), model_folder.name)):
        result = las("export", model, "--to", "TorchScript", "--output", "out")
        assert result.exit_code == 0 and result.output.startswith("out: torchscript"), result.output
        result = las("export", model, "--to", "torchscript")
        assert result.exit_code == 0, result.output
        shutil.rmtree(f"{folder}-torchscript")
    assert [path.name for path in tmp_path.iterdir() if "torchscript" in path.name.lower()] == []


def test_convert_says_what_it_did(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(2)}}, tmp_path / "a.pt")
    (tmp_path / "vocab").write_text("2,a\n")
    arguments = ["convert", str(tmp_path / "a.pt"), str(tmp_path / "out"), "--vocab"]
    result = las(*arguments, str(tmp_path / "vocab"))
    assert result.exit_code == 1 and "is it a checkpoint of las-pytorch?" in result.output


@pytest.mark.parametrize("command", ["transcribe", "decode"])
def test_hub_names_are_taken_wherever_model_is(
    hub: Hub, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found and refused by its name, so the name reached the hub: the model itself is random."""
    (tmp_path / "a.wav").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    options = {"transcribe": ["a.wav"], "decode": ["--data", ".", "--output", "out"]}[command]
    result = CliRunner().invoke(cli, [command, "--model", "hf:someone/none", *options])
    assert result.exit_code != 0
    assert "hf:someone/none" in result.output and "has no such model" in result.output


def test_tune_leaves_the_cache_alone(hub: Hub) -> None:
    result = CliRunner().invoke(cli, ["tune", "--model", "hf:someone/tiny", "--data", "."])
    assert result.exit_code == 2 and "las models export MODEL --to FOLDER" in result.output
    assert hub.requests == []
