"""A loaded model in; a clean model folder, or graphs that were run and compared with it, out."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.errors import LasError
from las_cli.files import write_bytes, write_json
from las_cli.network.attention import Memory
from las_cli.saved_model.folder import LoadedModel, require_new, save_model
from las_cli.saved_model.names import CARD
from las_cli.sharing.graphs import ListenerGraph, SpellerGraph
from las_cli.sharing.upload import LANGUAGE_MODEL, PICTURES, WRITTEN_FORM, require_hashes
from las_cli.text.units import BLANK, EOS

TOLERANCE = 1e-4  # largest difference from the model, of log-probabilities, logits and states
OPSET = 17
DESCRIPTION = "graphs.json"
_TRIAL_SAMPLES = ((16_000, 11_111), (24_321, 700, 9_000), (12_345,))  # batches compared
_FREE = {0: "batch", 1: "beams"}

Runner = Callable[[Sequence[Tensor]], list[Tensor]]


def export_folder(loaded: LoadedModel, output: Path, half: bool) -> None:
    """Writes the model, its language model, written form, card and pictures to a new folder."""
    require_new(output)
    require_hashes(loaded.folder)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name in (*LANGUAGE_MODEL, *WRITTEN_FORM, CARD, *PICTURES):
            if (loaded.folder / name).is_file():
                shutil.copyfile(loaded.folder / name, output / name)
    except OSError as error:
        raise LasError(f"{output}: cannot be written ({error.strerror or error})") from error
    save_model(
        output, loaded.model, loaded.alphabet, loaded.policy,
        decoding=loaded.decoding, facts=loaded.facts, half=half,
    )  # fmt: skip


def export_graphs(loaded: LoadedModel, kind: str, output: Path) -> float:
    """Writes listener and speller as `kind` (onnx or torchscript), and graphs.json, to `output`.

    Returns the largest difference from the model on noise of several lengths; LasError if that is
    more than TOLERANCE, or if onnx or onnxruntime is missing.
    """
    if kind == "onnx":
        _require_onnx()
    listener, speller = ListenerGraph(loaded.model), SpellerGraph(loaded.model)
    torch.manual_seed(0)
    suffix = ".onnx" if kind == "onnx" else ".pt"
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output) as folder, torch.no_grad():
            paths = [Path(folder) / f"{name}{suffix}" for name in ("listener", "speller")]
            sound = _noise(_TRIAL_SAMPLES[0])
            inputs = _letter(loaded, listener(*sound), 3)
            listen = _make(kind, listener, sound, paths[0], *_listener_axes(listener))
            spell = _make(kind, speller, inputs, paths[1], *_speller_axes(speller))
            difference = max(
                _compare(loaded, listen, spell, _noise(samples), beams)
                for beams, samples in enumerate(_TRIAL_SAMPLES, start=1)
            )
            if not difference <= TOLERANCE:
                raise LasError(
                    f"{output}: the {kind} graphs differ from the model by {difference:.1e}, "
                    f"more than {TOLERANCE:g}; nothing was written"
                )
            for path in paths:
                write_bytes(output / path.name, path.read_bytes())
    except OSError as error:
        raise LasError(f"{output}: cannot be written ({error.strerror or error})") from error
    write_json(output / DESCRIPTION, _description(loaded, listener, speller))
    return difference


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise LasError(
            "ONNX needs the packages onnx and onnxruntime: pip install 'las-cli[export]'"
        ) from error


def _listener_axes(graph: ListenerGraph) -> tuple[list[str], list[str], dict[str, dict[int, str]]]:
    axes = {"waveforms": {0: "batch", 1: "samples"}, "lengths": {0: "batch"}, "steps": {0: "batch"}}
    axes |= {name: {0: "batch", 1: "steps"} for name in ("states", "ctc")}
    axes |= {name: {0: "batch", 2: "steps"} for name in ("keys", "values")}
    return ["waveforms", "lengths"], graph.outputs, axes


def _speller_axes(graph: SpellerGraph) -> tuple[list[str], list[str], dict[str, dict[int, str]]]:
    inputs = ["previous", "steps", "keys", "values", *graph.states]
    axes = {name: dict(_FREE) for name in (*inputs, *graph.outputs)}
    axes |= {"steps": {0: "batch"}, "weights": _FREE | {2: "steps"}}
    axes |= {name: {0: "batch", 2: "steps"} for name in ("keys", "values")}
    axes |= {name: _FREE | {3: "steps"} for name in ("attention", "next_attention")}
    return inputs, graph.outputs, axes


def _make(
    kind: str, graph: torch.nn.Module, example: tuple[Tensor, ...], path: Path,
    inputs: list[str], outputs: list[str], axes: dict[str, dict[int, str]],
) -> Runner:  # fmt: skip
    """Writes one graph and returns what runs it from the file."""
    with warnings.catch_warnings():
        # Tracing warns of each constant that it takes from a shape; the comparison settles it.
        warnings.simplefilter("ignore")
        if kind == "torchscript":
            torch.jit.save(torch.jit.trace(graph, example, check_trace=False), str(path))
            loaded = torch.jit.load(str(path))
            return lambda values: list(loaded(*values))
        known = {*inputs, *outputs}
        torch.onnx.export(
            graph, example, str(path), dynamo=False, opset_version=OPSET, input_names=inputs,
            output_names=outputs, dynamic_axes={k: v for k, v in axes.items() if k in known},
        )  # fmt: skip
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(values: Sequence[Tensor]) -> list[Tensor]:
        fed = {name: value.numpy() for name, value in zip(inputs, values, strict=True)}
        return [torch.as_tensor(found) for found in session.run(outputs, fed)]

    return run


def _compare(
    loaded: LoadedModel, listen: Runner, spell: Runner, sound: tuple[Tensor, Tensor], beams: int
) -> float:
    """The largest difference of the graphs from the model itself, over three letters."""
    model = loaded.model
    states, steps = model.listen(*sound)
    memory = model.speller.remember(states, steps)
    wanted = [steps, states, memory.keys, memory.values]
    wanted += [model.ctc_log_probs(states)] if model.has_ctc else []
    found = listen(sound)
    worst = _distance(found, wanted)
    previous, steps, keys, values, *own = _letter(loaded, tuple(found), beams)
    state = model.speller.start(memory, beams)
    for _ in range(3):
        logits, state, weights = model.speller.step(previous, state, memory)
        told, heeded, *own = spell([previous, steps, keys, values, *own])
        worst = max(worst, _distance([told, heeded, *own], [logits, weights, *state]))
        previous = torch.randint(EOS, len(loaded.alphabet), previous.shape)
    return worst


def _distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    pairs = list(zip(found, wanted, strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


def _noise(samples: Sequence[int]) -> tuple[Tensor, Tensor]:
    """A batch of noise that swells and fades, [B, S], and its lengths [B]."""
    lengths = torch.tensor(samples)
    waveforms = torch.randn(len(samples), int(lengths.max())) * 0.1
    index = torch.arange(waveforms.shape[1])
    waveforms *= 0.01 + torch.sin(index / 3000).square()
    return waveforms * (index < lengths[:, None]), lengths


def _letter(loaded: LoadedModel, heard: tuple[Tensor, ...], beams: int) -> tuple[Tensor, ...]:
    """What the speller's graph takes for the first letter, from what the listener's gave."""
    steps, _, keys, values, *_ = heard
    mask = torch.arange(keys.shape[2])[None] < steps[:, None]
    state = loaded.model.speller.start(Memory(keys, values, mask), beams)
    previous = torch.full((len(steps), beams), EOS)
    return (previous, steps, keys, values, *state)


def _description(
    loaded: LoadedModel, listener: ListenerGraph, speller: SpellerGraph
) -> dict[str, Any]:
    """What a program needs to run the graphs, as JSON."""
    config = loaded.model.config
    hidden, above = config.speller.hidden, config.speller.layers - 1
    layers = {"hidden": above + 1, "cell": above + 1}
    if "above_hidden" in speller.states:
        layers = {"hidden": 1, "cell": 1, "above_hidden": above, "above_cell": above}
    shapes: dict[str, list[str | int]] = {
        name: ["batch", "beams", count, hidden] for name, count in layers.items()
    }
    shapes["context"] = ["batch", "beams", config.attention.size]
    shapes["attention"] = ["batch", "beams", config.attention.heads, "steps"]
    first = {"attention": "1 / steps where there is sound, 0 behind it"}
    return {
        "model": loaded.name,
        "sample_rate": SAMPLE_RATE,
        "step_seconds": config.step_seconds,
        "blank": BLANK,
        "end_of_sentence": EOS,
        "units": ["", "", *loaded.alphabet.units],
        "listener": {
            "inputs": {
                "waveforms": "float32 [batch, samples], zero behind each length",
                "lengths": "int64 [batch], samples",
            },
            "outputs": listener.outputs,
            "ctc": "log-probabilities [batch, steps, units]",
        },
        "speller": {
            "inputs": {
                "previous": "int64 [batch, beams], unit ids; the end of sentence at first",
                "steps": "of the listener",
                "keys": "of the listener",
                "values": "of the listener",
            },
            "state": [
                {"name": name, "shape": shapes[name], "first": first.get(name, "zeros"),
                 "next": f"next_{name}"}
                for name in speller.states
            ],
            "outputs": speller.outputs,
            "logits": "[batch, beams, units]; softmax gives the next unit's probabilities",
        },
        "text": dataclasses.asdict(loaded.policy),
    }  # fmt: skip
