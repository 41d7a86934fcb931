"""Graphs for other programs: the same numbers as the model; and clean folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from las_cli.errors import LasError
from las_cli.saved_model.folder import LoadedModel
from las_cli.sharing import export
from las_cli.sharing.export import TOLERANCE, export_folder, export_graphs
from las_cli.sharing.find import load_model
from las_cli.text import TextPolicy
from tests.sharing.conftest import LETTERS, tiny_model

FORMS = (("parallel", "content", "conv"), ("feeding", "location", "none"))


def loaded_model(*form: str) -> LoadedModel:
    return LoadedModel(tiny_model(*form), LETTERS, TextPolicy(), "tiny", Path("nowhere"))


@pytest.mark.parametrize("form", FORMS)
def test_torchscript_gives_the_same(tmp_path: Path, form: tuple[str, str, str]) -> None:
    assert export_graphs(loaded_model(*form), "torchscript", tmp_path / "out") <= TOLERANCE
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["graphs.json", "listener.pt", "speller.pt"]


@pytest.mark.parametrize("form", FORMS)
def test_onnxruntime_gives_the_same(tmp_path: Path, form: tuple[str, str, str]) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded = loaded_model(*form)
    assert export_graphs(loaded, "onnx", tmp_path) <= TOLERANCE
    # Again, and by what graphs.json says alone, as another program would.
    told = json.loads((tmp_path / "graphs.json").read_text())
    sessions = [
        onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"))
        for name in ("listener", "speller")
    ]
    waveforms, lengths = torch.randn(2, 9999), torch.tensor([9999, 5001])
    waveforms[1, 5001:] = 0
    heard = dict(
        zip(
            told["listener"]["outputs"],
            sessions[0].run(None, {"waveforms": waveforms.numpy(), "lengths": lengths.numpy()}),
            strict=True,
        )
    )
    with torch.no_grad():
        states, steps = loaded.model.listen(waveforms, lengths)
        torch.testing.assert_close(
            torch.as_tensor(heard["ctc"]), loaded.model.ctc_log_probs(states), atol=1e-4, rtol=0
        )
        letters = torch.tensor([[told["end_of_sentence"], 3, 4]] * 2)
        wanted, _ = loaded.model.speller(letters, loaded.model.speller.remember(states, steps))
    free = {"batch": 2, "beams": 1, "steps": int(steps.max())}
    state = {
        entry["name"]: torch.zeros([free.get(size, size) for size in entry["shape"]]).numpy()
        for entry in told["speller"]["state"]
    }
    if "attention" in state:
        for row, length in enumerate(steps.tolist()):
            state["attention"][row, ..., :length] = 1 / length
    for position in range(3):
        fed = {name: heard[name] for name in ("steps", "keys", "values")}
        fed |= {"previous": letters[:, position : position + 1].numpy()} | state
        found = dict(zip(told["speller"]["outputs"], sessions[1].run(None, fed), strict=True))
        state = {name: found[f"next_{name}"] for name in state}
        torch.testing.assert_close(
            torch.as_tensor(found["logits"])[:, 0], wanted[:, position], atol=1e-4, rtol=0
        )


def test_graphs_that_differ_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(LasError, match="graphs differ from the model by .* nothing was written"):
        export_graphs(loaded_model(), "torchscript", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_clean_folder_without_checkpoints(model_folder: Path, tmp_path: Path) -> None:
    loaded = load_model(str(model_folder), "cpu")
    (tmp_path / "out").mkdir()
    export_folder(loaded, tmp_path / "out", half=True)
    again = load_model(str(tmp_path / "out"), "cpu")
    assert again.facts == loaded.facts and again.alphabet.units == loaded.alphabet.units
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    with pytest.raises(LasError, match="is not empty"):
        export_folder(loaded, model_folder, half=False)
