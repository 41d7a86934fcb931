"""Several corpora: shares of the sound in each update, passes, resuming, losses by corpus."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from las_cli.cli.main import cli
from las_cli.errors import UsageError
from las_cli.network.config import LASConfig
from las_cli.text import TextPolicy
from las_cli.training import setup
from las_cli.training.heard_length import heard_seconds
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.loop import Trainer
from las_cli.training.mixture import (
    MixedBatches,
    Part,
    _deal,
    _slices,
    names_of,
    parse_data,
)
from las_cli.training.plan import Plan
from tests.training.corpora import TINY, write_corpus
from tests.training.test_loop import losses


def sound(*, seconds: list[float], name: str) -> Any:
    """Cuts of so many seconds each, without any sound behind them."""
    from lhotse import CutSet
    from lhotse.testing.dummies import dummy_cut

    cuts = []
    for number, length in enumerate(seconds):
        cut = dummy_cut(number, duration=length).with_id(f"{name}/{number}")
        cut.custom = {"data": name}
        cuts.append(cut)
    return CutSet.from_cuts(cuts)


class AnyCut:
    """A filter that lets everything pass."""

    def __call__(self, cut: Any) -> bool:
        return True


def mixture(share: float = 0.4) -> list[Part]:
    """600 s of real clips of 2 to 10 s, 6,000 s of synthetic ones of 3 to 15 s."""
    real = [2.0 + (i * 7 % 33) / 4 for i in range(98)]
    made = [3.0 + (i * 5 % 49) / 4 for i in range(667)]
    return [
        Part("real", sound(seconds=real, name="real"), sum(real), 1 - share),
        Part("made", sound(seconds=made, name="made"), sum(made), share),
    ]


def updates(
    parts: list[Part], config: TrainingConfig, world: int = 1, **place: int
) -> list[list[Any]]:
    """The clips of each update, of all processes."""
    ranks = [
        list(MixedBatches(parts, AnyCut(), config, rank=rank, world=world, **place))  # type: ignore[arg-type]
        for rank in range(world)
    ]
    return [[cut for batch in batches for cut in batch] for batches in zip(*ranks, strict=True)]


PLAIN = TrainingConfig(batch_seconds=30.0, short_first=False, speeds=(1.0,))


def test_each_update_has_the_share_of_sound_that_was_asked_for() -> None:
    shares = []
    for cuts in updates(mixture(0.4), replace(PLAIN, batch_seconds=100.0), epoch=1):
        by = Counter[str]()
        for cut in cuts:
            by[cut.custom["data"]] += cut.duration
        shares.append(by["made"] / (by["made"] + by["real"]))
    # Clips are whole, so an update is off by up to a clip; their mean is not.
    assert sum(shares) / len(shares) == pytest.approx(0.4, abs=0.02)
    assert all(0.25 < share < 0.55 for share in shares)


def test_a_pass_hears_each_clip_without_a_share_once_and_goes_on_with_the_others() -> None:
    parts = mixture(0.5)
    heard = [Counter(cut.id for cuts in updates(parts, PLAIN, epoch=epoch) for cut in cuts)
             for epoch in range(3)]  # fmt: skip
    for passed in heard:
        real = {id: n for id, n in passed.items() if id.startswith("real/")}
        assert len(real) == 98 and set(real.values()) == {1}
    made = [{id for id in passed if id.startswith("made/")} for passed in heard]
    # A tenth of the synthetic sound a pass; the next pass begins where this one ended, give or
    # take a clip, as the last one of a pool is heard whole.
    assert len(made[0] & made[1]) <= 2 and len(made[1] & made[2]) <= 2
    assert all(45 <= len(part) <= 85 for part in made)


def test_small_corpora_with_a_share_begin_anew() -> None:
    real, made = mixture(0.5)
    passed = Counter(cut.id for cuts in updates([made, real], PLAIN, epoch=0) for cut in cuts)
    again = [n for id, n in passed.items() if id.startswith("real/")]
    # parts' shares are 0.5 each: 6,000 s of the one take the other's 600 s ten times
    assert len(again) == 98 and 8 <= min(again) and max(again) <= 12


def test_processes_share_an_update_and_hear_equally_much() -> None:
    parts, config = mixture(), replace(PLAIN, accumulate=2)
    two = updates(parts, config, world=2, epoch=1)
    ids = [sorted(cut.id for cut in cuts) for cuts in two]
    assert len({id for update in ids for id in update}) == sum(map(len, ids))
    ranks = [
        [sum(c.duration for c in batch) for batch in
         MixedBatches(parts, AnyCut(), config, rank=rank, world=2, epoch=1)]  # type: ignore[arg-type]
        for rank in range(2)
    ]  # fmt: skip
    assert len(ranks[0]) == len(ranks[1])
    assert sum(ranks[0]) == pytest.approx(sum(ranks[1]), rel=0.03)


def test_a_resumed_pass_leaves_out_what_was_heard() -> None:
    parts = mixture()
    whole = [[cut.id for cut in cuts] for cuts in updates(parts, PLAIN, epoch=2)]
    rest = [[cut.id for cut in cuts] for cuts in updates(parts, PLAIN, epoch=2, skip=5)]
    assert len(whole) > 15 and rest == whole[5:]
    other = [[cut.id for cut in cuts] for cuts in updates(parts, PLAIN, epoch=3)]
    assert other != whole


def test_clips_of_an_update_are_about_equally_long() -> None:
    padded = real = 0.0
    for cuts in updates(mixture(), replace(PLAIN, batch_seconds=60.0), epoch=1):
        padded += max(cut.duration for cut in cuts) * len(cuts)
        real += sum(cut.duration for cut in cuts)
    assert padded / real < 1.45  # in a random order: 1.9


def test_they_are_sorted_by_how_long_they_will_be_heard() -> None:
    config = replace(PLAIN, batch_seconds=60.0, speeds=(0.6, 1.0, 1.6), quiet_edges=2.0)
    padded = real = 0.0
    for cuts in updates(mixture(), config, epoch=1):
        heard = [heard_seconds(config, 1, cut.id, cut.duration) for cut in cuts]
        padded += max(heard) * len(cuts)
        real += sum(heard)
    assert padded / real < 1.45  # sorted by their own length: 1.9


def test_the_first_pass_goes_from_short_to_long() -> None:
    lengths = [
        sum(cut.duration for cut in cuts) / len(cuts)
        for cuts in updates(mixture(), replace(PLAIN, short_first=True), epoch=0)
    ]
    third = len(lengths) // 3
    assert sum(lengths[:third]) * 1.6 < sum(lengths[-third:])


def test_clips_longer_than_an_update_leave_no_update_empty() -> None:
    draw = random.Random(3)
    long = [draw.uniform(20, 30) for _ in range(60)]
    parts = [
        Part(name, sound(seconds=long, name=name), sum(long), 0.5) for name in ("real", "made")
    ]
    heard = updates(parts, replace(PLAIN, batch_seconds=15.0), epoch=1)
    assert all(heard)
    real = Counter(cut.id for cuts in heard for cut in cuts if cut.id.startswith("real/"))
    assert len(real) == 60 and set(real.values()) == {1}


def test_slices_and_deals() -> None:
    cuts = list(sound(seconds=[1.0, 1.0, 2.0, 2.0, 6.0], name="x"))
    sliced = _slices(cuts, 2)
    assert [[cut.duration for cut in one] for one in sliced] == [[1.0, 1.0, 2.0, 2.0], [6.0]]
    dealt = _deal([cuts], 2)
    assert sorted(sum(cut.duration for cut in one) for one in dealt) == [6.0, 6.0]
    alone = _deal([cuts[:1]], 3)  # fewer clips than processes: none goes without
    assert [len(one) for one in alone] == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "folders", "shares"),
    [
        (("/a",), ("/a",), (0.0,)),
        (("/a", "/b=0.4"), ("/a", "/b"), (0.0, 0.4)),
        (("/a=0.6", "/b=0.4"), ("/a", "/b"), (0.6, 0.4)),
    ],
)
def test_folders_with_shares_are_read(
    words: tuple[str, ...], folders: tuple[str, ...], shares: tuple[float, ...]
) -> None:
    assert parse_data(words) == (folders, shares)


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "take=2").mkdir()
    assert parse_data((f"{tmp_path}/take=2",)) == ((f"{tmp_path}/take=2",), (0.0,))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("/a=much",), "'much' is no share"),
        (("/a=1.5", "/b"), "between 0 and 1"),
        (("/a=0", "/b"), "between 0 and 1"),
        (("/a=0.5", "/b=0.5", "/c"), "leave nothing"),
        (("/a=0.5", "/b=0.4"), "add up to 0.9"),
        (("/a=0.5", "/a"), "twice"),
    ],
)
def test_shares_that_make_no_sense_are_one_sentence(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_data(words)


def test_names_of_folders_are_told_apart() -> None:
    assert names_of(("/a/en", "/b/en", "/c/en", "/d/cuts.jsonl.gz")) == [
        "en", "en-2", "en-3", "cuts",
    ]  # fmt: skip
    assert names_of(("/a/en-3", "/b/en", "/c/en", "/d/en")) == ["en-3", "en", "en-2", "en-4"]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A real corpus with dev, and a made one without."""
    folder = tmp_path_factory.mktemp("mixed")
    real = write_corpus(folder / "real", train=12, dev=4, seed=1)
    made = write_corpus(folder / "made", train=30, dev=2, seed=2)
    (made / "dev.tsv").unlink()
    for table in (real / "train.tsv", real / "dev.tsv"):
        head, *lines = table.read_text().splitlines()
        rows = [f"{line}\t{'far' if i % 2 else 'near'}" for i, line in enumerate(lines)]
        table.write_text("\n".join([f"{head}\tcorpus", *rows]) + "\n")
    return real, made


def mixed_trainer(corpora: tuple[Path, Path], folder: Path, **options: Any) -> Trainer:
    values = {
        "epochs": None, "max_steps": 6, "batch_seconds": 6.0, "precision": "float32",
        "device": "cpu", "workers": 0, "log_seconds": 0.0,
    }  # fmt: skip
    plan = Plan(
        data=tuple(map(str, corpora)), shares=(0.0, 0.4), split="train", dev_split="dev",
        network=LASConfig.from_json(TINY), training=TrainingConfig(**(values | options)),
        text=TextPolicy(),
    )  # fmt: skip
    return setup.start(plan, folder, overwrite=False, quiet=True)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_losses_are_told_by_corpus(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    mixed_trainer(corpora, tmp_path / "run").train()
    steps = [row for row in rows_of(tmp_path / "run") if "loss" in row]
    assert len(steps) == 6
    for row in steps:
        pair = [row["attention/real"], row["attention/made"]]
        assert min(pair) <= row["attention"] <= max(pair)
        pair = [row["ctc/real"], row["ctc/made"]]
        assert min(pair) <= row["ctc"] <= max(pair)


def test_a_resumed_mixture_equals_an_unbroken_one(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    mixed_trainer(corpora, tmp_path / "whole", max_steps=10).train()
    broken = mixed_trainer(corpora, tmp_path / "broken", max_steps=10)
    calls = iter([False] * 4 + [True])
    broken.train(lambda: next(calls))
    assert broken.progress.step == 5
    setup.resume(tmp_path / "broken", {}, quiet=True).train()
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")


def test_shares_end_where_they_are_told_to(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    trainer = mixed_trainer(corpora, tmp_path / "run", max_steps=16, shares_until=0.5)
    trainer.train()
    steps = [row for row in rows_of(tmp_path / "run") if "loss" in row]
    mixed = [row["step"] for row in steps if "attention/made" in row]
    assert mixed[0] == 1 and 8 <= mixed[-1] < 16  # until the pass that ends after the eighth
    assert trainer.progress.alone


def test_nothing_is_set_aside_of_the_corpora_beside_the_one_with_dev(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    trainer = mixed_trainer(corpora, tmp_path / "run")
    assert {cut.custom["data"] for batch in trainer.dev for cut in batch} == {"real"}
    assert len(list(trainer.mixture.parts[1].cuts)) == 30


def test_sentences_of_dev_are_trained_on_in_no_corpus(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    real, made = corpora
    held = (real / "dev.tsv").read_text().splitlines()[1].split("\t")[2]
    table = made / "train.tsv"
    before = table.read_text()
    lines = before.splitlines()
    cells = lines[1].split("\t")
    table.write_text("\n".join([lines[0], "\t".join([*cells[:2], held]), *lines[2:]]) + "\n")
    try:
        trainer = mixed_trainer(corpora, tmp_path / "run")
    finally:
        table.write_text(before)
    assert trainer.accept.reasons["sentence shared with the dev split"] == 1
    heard = {
        cut.supervisions[0].text
        for part in trainer.mixture.parts
        for cut in part.cuts
        if trainer.accept(cut)
    }
    assert held not in heard and len(heard) > 10


def test_dev_is_measured_by_group_beside_training_clips(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    trainer = mixed_trainer(corpora, tmp_path / "run", dev_by="corpus")
    assert sorted(trainer.groups[cut.id] for batch in trainer.sample for cut in batch) == [
        "far", "far", "near", "near",
    ]  # fmt: skip
    trainer.train()
    *_, row = [row for row in rows_of(tmp_path / "run") if "dev_ler" in row]
    assert row["dev_mean_ler"] == pytest.approx(
        (row["dev_ler/far"] + row["dev_ler/near"]) / 2, rel=1e-4
    )
    ratio = row["dev_mean_ler"] / ((row["train_ler/far"] + row["train_ler/near"]) / 2)
    assert row["gap"] == pytest.approx(ratio, rel=1e-4)
    means = [row["dev_mean_ler"] for row in rows_of(tmp_path / "run") if "dev_ler" in row]
    assert trainer.progress.best == pytest.approx(min(means), rel=1e-4)


def test_training_clips_may_all_lack_the_column(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    """Dev has clips with and without it: those without are a group, which training has too."""
    real = write_corpus(tmp_path / "real", train=12, dev=4, seed=1)
    head, *lines = (real / "dev.tsv").read_text().splitlines()
    rows = [f"{line}\t{'far' if i % 2 else ''}" for i, line in enumerate(lines)]
    (real / "dev.tsv").write_text("\n".join([f"{head}\tplace", *rows]) + "\n")
    trainer = mixed_trainer((real, corpora[1]), tmp_path / "run", dev_by="place")
    assert sorted(trainer.groups[cut.id] for batch in trainer.dev for cut in batch) == [
        "(none)", "(none)", "far", "far",
    ]  # fmt: skip
    assert [trainer.groups[cut.id] for batch in trainer.sample for cut in batch] == ["(none)"] * 2


def test_an_unknown_column_names_those_there_are(
    corpora: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--dev-by accent: .* there are corpus, speaker"):
        mixed_trainer(corpora, tmp_path / "run", dev_by="accent")


def test_the_command_takes_several_corpora(corpora: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    result = CliRunner().invoke(
        cli,
        [
            *("train", "--data", str(corpora[0]), "--data", f"{corpora[1]}=0.4"),
            *("--output", str(tmp_path / "run"), "--network", str(tmp_path / "tiny.json")),
            *("--max-steps", "2", "--workers", "0", "--device", "cpu", "--dev-by", "corpus"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "of the sound in an update: 60% real, 40% made; a pass is over real" in result.output
    assert "mean over groups: LER" in result.output
