"""`las average`, `las plot`, `las models`, `las benchmark train`, `las train --dry-run`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from las_cli.cli.main import cli
from las_cli.errors import LasError
from las_cli.sharing.find import load_model
from las_cli.training.plots import draw_curves, read_metrics
from las_cli.training.samples import Sample, load_attention, pictured
from tests.training.corpora import write_corpus, write_network
from tests.training.test_loop import small_trainer

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three validated epochs."""
    folder = tmp_path_factory.mktemp("release")
    corpus = write_corpus(folder / "corpus", train=6, dev=2)
    network = write_network(folder / "tiny.json")
    small_trainer(corpus, network, folder / "run", max_steps=None, epochs=3).train()
    return folder / "run"


def las(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_average_is_the_mean_of_the_checkpoints(run: Path, tmp_path: Path) -> None:
    result = las("average", run, "--last", 2, "--output", tmp_path / "mean")
    assert result.exit_code == 0 and "mean of 2 checkpoints" in result.output
    paths = sorted((run / "checkpoints").glob("step-*"))[-2:]
    first, second = (load_file(path / "average.safetensors") for path in paths)
    mean = load_file(tmp_path / "mean" / "model.safetensors")
    for name, tensor in mean.items():
        assert tensor.allclose((first[name] + second[name]) / 2)
    loaded = load_model(str(tmp_path / "mean"), "cpu")
    assert loaded.facts["averaged"] == [path.name for path in paths]
    assert f"step-{loaded.facts['step']:07}" == paths[-1].name  # not the run's best model's
    assert "dev_ler" not in loaded.facts  # nobody has measured the mean


def test_the_average_keeps_the_search_of_the_run(run: Path, tmp_path: Path) -> None:
    """Of a training that began from a model, whose weights of the search it keeps."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    plan = json.loads((copy / "training.json").read_text())
    (copy / "training.json").write_text(json.dumps(plan | {"decoding": {"beam": 5}}))
    result = las("average", copy, "--last", 1, "--output", tmp_path / "one")
    assert result.exit_code == 0, result.output
    assert load_model(str(tmp_path / "one"), "cpu").decoding == {"beam": 5}


def test_the_run_itself_is_not_averaged_over(run: Path) -> None:
    before = (run / "config.json").read_bytes()
    result = las("average", run, "--last", 2, "--output", run / "checkpoints" / "..")
    assert result.exit_code == 1 and "is the run itself" in result.output
    assert (run / "config.json").read_bytes() == before


def test_average_of_the_last_five_takes_five_and_says_when_there_are_fewer(
    run: Path, tmp_path: Path
) -> None:
    result = las("average", run, "--last", 5, "--output", tmp_path / "few")
    assert result.exit_code == 0 and "mean of 3 checkpoints" in result.output
    assert "keeps 3 such checkpoints, fewer than the 5 asked for" in result.output
    corpus = write_corpus(tmp_path / "corpus", train=4, dev=2)
    network = write_network(tmp_path / "tiny.json")
    trainer = small_trainer(
        corpus, network, tmp_path / "long", max_steps=7, keep_best=1, checkpoint_minutes=1e-9
    )
    trainer.train()
    result = las("average", tmp_path / "long", "--last", 5)
    assert result.exit_code == 0 and "mean of 5 checkpoints" in result.output
    assert "step-0000003" in result.output and "step-0000007" in result.output
    assert "fewer than" not in result.output
    (tmp_path / "long" / "checkpoints" / "step-0000004" / "average.safetensors").write_bytes(b"x")
    result = las("average", tmp_path / "long", "--last", 5)
    assert result.exit_code == 1 and "step-0000004/average.safetensors: damaged" in result.output


def test_average_of_the_best_in_half_precision(run: Path, tmp_path: Path) -> None:
    result = las("average", run, "--best", 1, "--half", "--output", tmp_path / "best")
    assert result.exit_code == 0
    assert {str(t.dtype) for t in load_file(tmp_path / "best" / "model.safetensors").values()} == {
        "torch.float16"
    }


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--output", "{tmp}/x"], 2, "either --last N or --best N"),
        (["--last", "1", "--best", "1", "--output", "{tmp}/x"], 2, "either"),
        (["--last", "0", "--output", "{tmp}/x"], 2, "0"),
    ],
)
def test_average_says_what_is_wrong(
    run: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    result = las("average", run, *(word.format(tmp=tmp_path) for word in words))
    assert result.exit_code == code and message in result.output


def test_average_of_a_folder_that_is_no_run(tmp_path: Path) -> None:
    result = las("average", tmp_path, "--last", 1, "--output", tmp_path / "x")
    assert result.exit_code == 1 and "no checkpoints" in result.output


def test_plot_draws_curves_and_attention_again(run: Path, tmp_path: Path) -> None:
    for name in ("metrics.jsonl", "attention.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    result = las("plot", tmp_path)
    assert result.exit_code == 0
    for name in ("curves.png", "attention.png"):
        assert str(tmp_path / name) in result.output
        assert (tmp_path / name).read_bytes().startswith(PNG)
    kept = load_attention(run)
    assert len(kept) == 2  # the dev split holds no more
    for sample in kept:
        assert sample.weights is not None and len(sample.weights) == len(sample.true_y) + 1
        assert sample.weights.sum(1).allclose(torch.ones(len(sample.weights)), atol=0.01)
    (tmp_path / "attention.safetensors").write_bytes(b"cut")
    result = las("plot", tmp_path)
    assert result.exit_code == 1 and "attention.safetensors: damaged" in result.output


@pytest.mark.parametrize(
    ("letters", "chosen"),
    [
        ([10, 20, 30, 40, 50, 60, 70], [10, 30, 50, 70]),
        ([2, 90, 200, 150, 300], [2, 90, 150, 200]),
        ([500, 0, 600], [500, 600]),
        ([], []),
    ],
)
def test_four_utterances_that_can_be_read_are_drawn(letters: list[int], chosen: list[int]) -> None:
    samples = [Sample(f"clip{n}", "ab" * (n // 2), "") for n in letters]
    assert [len(sample.true_y) for sample in pictured(samples)] == chosen


def test_plot_draws_again_even_after_a_crash_cut_the_last_line(run: Path, tmp_path: Path) -> None:
    metrics = (run / "metrics.jsonl").read_text()
    (tmp_path / "metrics.jsonl").write_text(metrics + '{"step": 9, "lo')
    result = las("plot", tmp_path)
    assert result.exit_code == 0
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)
    assert "keeps no attention weights" in result.output
    assert len(read_metrics(tmp_path)) == len(metrics.splitlines())
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(LasError, match="no measurements yet"):
        draw_curves(tmp_path)


def test_models_lists_and_tells(run: Path) -> None:
    listed = las("models", "list")
    assert listed.exit_code == 0
    told = las("models", "info", run)
    assert told.exit_code == 0
    for part in ("parameters", "content, 2 heads", "parallel", "40 ms", "␣ a b c d e"):
        assert part in told.output, part


def test_benchmark_measures_every_stage() -> None:
    from las_cli.benchmark.training import STAGES, measure_training

    result = measure_training("seed", "float32", clip_seconds=1.0, clips=2, updates=1)
    assert tuple(result.seconds) == STAGES and all(v > 0 for v in result.seconds.values())
    assert result.speed == pytest.approx(
        2.0 / (sum(result.seconds.values()) - result.seconds["read"])
    )
    assert result.memory > 50e6


def test_dry_run_estimates_and_leaves_nothing(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=8, dev=2)
    network = write_network(tmp_path / "tiny.json")
    result = las(
        "train", "--data", corpus, "--output", tmp_path / "run", "--network", network,
        "--batch-seconds", 5, "--workers", 0, "--dry-run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for part in ("× real time", "an epoch of", "peak memory", "validation works"):
        assert part in result.output
    assert not (tmp_path / "run").exists()


def test_a_prepared_corpus_brings_its_own_text_rules(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=8, dev=2)
    prepared = tmp_path / "prepared"
    assert las("prepare", corpus, "--output", prepared, "--case", "upper").exit_code == 0
    network = write_network(tmp_path / "tiny.json")
    trainer = small_trainer(prepared, network, tmp_path / "run", max_steps=1, speeds=(1.0,))
    assert trainer.policy.case == "upper" and "A" in trainer.units.units
    assert trainer.train().step == 1
    plan = json.loads((tmp_path / "run" / "training.json").read_text())
    assert plan["text"]["case"] == "upper"
    result = las(
        "train", "--data", prepared, "--output", tmp_path / "other", "--punctuation", "keep"
    )
    assert result.exit_code == 2 and "prepared with other text rules" in result.output
