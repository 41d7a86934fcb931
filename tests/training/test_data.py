"""Clips in, the batches of an epoch out: drawn, shared out, sped up, read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from las_cli.audio.augmentation import sound_augmentation
from las_cli.text import Alphabet, TextPolicy
from las_cli.training.data import EpochBatches, SpeechDataset
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.text_filter import TextFilter
from tests.training.corpora import write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("sung") / "corpus", train=24)


def epoch_ids(corpus: Path, epoch: int, **options: object) -> list[list[str]]:
    from las_cli.corpus import load_corpus

    cuts = load_corpus(corpus).cuts("train")
    config = TrainingConfig(batch_seconds=6.0, **options.pop("config", {}))  # type: ignore
    accept = TextFilter(Alphabet.learn(["abcde "]), TextPolicy(), config, 0.04)
    shared = {"rank": 0, "world": 1, "seconds": 60.0} | options
    batches = EpochBatches(cuts, accept, config, epoch=epoch, **shared)  # type: ignore[arg-type]
    return [[cut.id for cut in batch] for batch in batches]


def test_an_epoch_holds_every_clip_once_in_an_order_of_its_own(corpus: Path) -> None:
    epochs = [epoch_ids(corpus, epoch) for epoch in range(3)]
    for batches in epochs:
        assert sorted(sum(batches, [])) == sorted(f"train{i}" for i in range(24))
    assert epochs[1] == epoch_ids(corpus, 1) and epochs[1] != epochs[2]
    assert epoch_ids(corpus, 1, skip=2) == epochs[1][2:]


def test_processes_share_the_clips_out(corpus: Path) -> None:
    shares = [epoch_ids(corpus, 1, rank=rank, world=2) for rank in range(2)]
    assert len(shares[0]) == len(shares[1])
    assert set(sum(shares[0] + shares[1], [])) == {f"train{i}" for i in range(24)}
    accumulated = epoch_ids(corpus, 1, config={"accumulate": 2})
    assert accumulated == [batch for pair in zip(*shares, strict=True) for batch in pair]


def test_processes_share_out_the_clips_of_shards_and_read_only_their_own(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from las_cli.corpus import load_corpus
    from las_cli.corpus.detection import detect_layout
    from las_cli.corpus.preparation import prepare
    from las_cli.corpus.shard_sound import ShardSource
    from las_cli.corpus.sieve import PrepareOptions

    prepare(detect_layout(corpus), tmp_path, PrepareOptions(shards=True, shard_size=5, jobs=1))
    cuts = load_corpus(tmp_path).cuts("train")
    assert cuts.is_lazy
    shares = [epoch_ids(tmp_path, 1, rank=rank, world=2) for rank in range(2)]
    assert len(shares[0]) == len(shares[1])
    ids = sum(shares[0] + shares[1], [])
    assert sorted(ids) == sorted(cut.id for cut in cuts)  # every clip once
    assert epoch_ids(tmp_path, 1, rank=1, world=2, skip=1) == shares[1][1:]
    read = []
    load = ShardSource.load_audio
    monkeypatch.setattr(
        ShardSource, "load_audio", lambda self, *a, **k: read.append(self) or load(self, *a, **k)
    )
    mine = [cut for cut in cuts if cut.id in shares[1][0]]
    assert not read
    batch = SpeechDataset(Alphabet.learn(["abcde "]), TextPolicy())[mine]  # type: ignore[index]
    assert len(read) == len(batch.ids) == len(shares[1][0])


def test_speed_changes_the_length_and_is_drawn_again_each_epoch(corpus: Path) -> None:
    from las_cli.corpus import load_corpus

    cuts = load_corpus(corpus).cuts("train").subset(first=12)
    units = Alphabet.learn(["abcde "])
    plain = SpeechDataset(units, TextPolicy())[cuts]
    made = [
        SpeechDataset(units, TextPolicy(), speeds=(0.9, 1.0, 1.1), seed=1, epoch=e)[cuts]
        for e in (1, 1, 2)
    ]
    ratios = (plain.lengths / made[0].lengths).tolist()
    assert {round(ratio, 1) for ratio in ratios} == {0.9, 1.0, 1.1}
    assert torch.equal(made[0].waveforms, made[1].waveforms)
    assert not torch.equal(made[0].lengths, made[2].lengths)


def test_broken_clips_are_named_and_the_others_trained_on(corpus: Path, tmp_path: Path) -> None:
    broken = write_corpus(tmp_path / "broken", train=4, dev=1)
    from las_cli.corpus import load_corpus

    cuts = load_corpus(broken).cuts("train").to_eager()
    (broken / "clips" / "train1.wav").write_bytes(b"RIFF")
    samples, rate = soundfile.read(broken / "clips" / "train2.wav", dtype="float32")
    samples[100] = np.nan
    soundfile.write(broken / "clips" / "train2.wav", samples, rate, subtype="FLOAT")
    batch = SpeechDataset(Alphabet.learn(["abcde "]), TextPolicy())[cuts]
    assert batch.ids == ["train0", "train3"]
    assert len(batch.failed) == 2
    assert "train1" in batch.failed[0] and "cannot be read" in batch.failed[0]
    assert "train2" in batch.failed[1] and "not numbers" in batch.failed[1]


def test_a_pass_is_heard_again_as_it_was_with_every_augmentation(
    corpus: Path, tmp_path: Path
) -> None:
    from las_cli.corpus import load_corpus

    soundfile.write(tmp_path / "hiss.wav", np.random.default_rng(1).normal(0, 0.1, 8000), 16000)
    cuts = load_corpus(corpus).cuts("train").subset(first=6)
    units, policy = Alphabet.learn(["abcde "]), TextPolicy()

    def heard(epoch: int, *shares: float) -> torch.Tensor:
        rooms, noise, telephone = shares
        steps = sound_augmentation(0.2, rooms, [str(tmp_path)], noise, (5.0, 30.0), telephone)
        dataset = SpeechDataset(
            units, policy, speeds=(0.9, 1.0, 1.1), augment=steps, seed=1, epoch=epoch
        )
        return dataset[cuts].waveforms

    assert torch.equal(heard(1, 1.0, 1.0, 1.0), heard(1, 1.0, 1.0, 1.0))
    # The draws of the others stay, so that clips without rooms and telephones sound as before.
    plain = heard(1, 0.0, 0.5, 0.0)
    for mixed in (heard(1, 0.5, 0.5, 0.0), heard(1, 0.0, 0.5, 0.5)):
        same = (plain == mixed).all(1)
        assert 0 < int(same.sum()) < 6
