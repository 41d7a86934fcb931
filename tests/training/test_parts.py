"""Losses, schedules, augmentation, checkpoints, batches: the parts of a training."""

from __future__ import annotations

import errno
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch.nn import functional

from las_cli.audio.augmentation import SpecAugment, sound_augmentation, spec_augment
from las_cli.audio.noise import NoiseMixer
from las_cli.errors import LasError, UsageError
from las_cli.network.las import Output
from las_cli.text import Alphabet, TextPolicy
from las_cli.training import checkpoint as checkpoints
from las_cli.training import schedule
from las_cli.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from las_cli.training.data import EpochBatches, SpeechDataset
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.losses import alignment_health, losses
from las_cli.training.moving_average import MovingAverage, mean_of
from las_cli.training.schedule import Progress
from las_cli.training.text_filter import TextFilter
from tests.training.corpora import write_corpus


def test_losses_add_up_over_utterances_whatever_their_padding() -> None:
    torch.manual_seed(1)
    logits, ctc = torch.randn(2, 6, 5), torch.randn(2, 9, 5).log_softmax(-1)
    letters = torch.tensor([[1, 2, 3, 4, 2, 3], [1, 4, 4, 1, 1, 1]])
    lengths, steps = torch.tensor([5, 2]), torch.tensor([9, 7])
    both = losses(Output(logits, logits, ctc, steps), letters, lengths, 0.1)
    parts = [
        losses(
            Output(
                logits[i : i + 1, : n + 1], logits[:1], ctc[i : i + 1, : steps[i]], steps[i : i + 1]
            ),
            letters[i : i + 1, : n + 1], lengths[i : i + 1], 0.1,
        )
        for i, n in enumerate(lengths.tolist())
    ]  # fmt: skip
    for name in ("attention", "ctc", "letters", "correct"):
        total = sum(float(getattr(part, name)) for part in parts)
        assert float(getattr(both, name)) == pytest.approx(total, rel=1e-5), name
    assert int(both.letters) == 6 + 3
    first = functional.cross_entropy(logits[0], torch.tensor([2, 3, 4, 2, 3, 1]), reduction="sum")
    plain = losses(Output(logits[:1], logits, None, steps), letters[:1], lengths[:1])
    assert float(plain.attention) == pytest.approx(float(first), rel=1e-5)
    assert float(plain.ctc) == 0


def test_a_text_with_more_letters_than_steps_has_no_infinite_loss() -> None:
    ctc = torch.randn(1, 3, 5).log_softmax(-1)
    letters = torch.tensor([[1, 2, 2, 2, 2]])
    result = losses(
        Output(torch.randn(1, 5, 5), ctc, ctc, torch.tensor([3])), letters, torch.tensor([4])
    )
    assert float(result.ctc) == 0 and math.isfinite(float(result.attention))


def test_guidance_leads_attention_to_where_ctc_hears_the_letters() -> None:
    from las_cli.training.losses import guidance, letter_places

    # CTC hears a (id 2) at step 3, b (3) at 9, b again at 15, of 20 steps.
    ctc = torch.full((2, 20, 4), -9.0)
    ctc[:, :, 0] = 0.0
    for step, letter in ((3, 2), (9, 3), (15, 3)):
        ctc[:, step, 0], ctc[:, step, letter] = -9.0, 0.0
    ctc = ctc.log_softmax(-1)
    letters = torch.tensor([[1, 2, 3, 3], [1, 2, 1, 1]])
    lengths, steps = torch.tensor([3, 1]), torch.tensor([20, 8])
    places = letter_places(ctc, steps, letters, lengths)
    assert places.tolist() == [[3, 9, 15, 19], [3, 7, -1, -1]]
    right = torch.zeros(2, 4, 20)
    for row, column, step in ((0, 0, 3), (0, 1, 9), (0, 2, 15), (0, 3, 19), (1, 0, 3), (1, 1, 7)):
        right[row, column, step] = 1
    assert float(guidance(Output(ctc, right, ctc, steps), letters, lengths)) == pytest.approx(0)
    even = torch.full((2, 4, 20), 0.05).requires_grad_()
    loss = guidance(Output(ctc, even, ctc, steps), letters, lengths)
    # Steps within 4 of each place: 0 … 7, 5 … 13, 11 … 19, 15 … 19; 0 … 7, 3 … 11.
    expected = -sum(math.log(0.05 * near) for near in (8, 9, 9, 5, 8, 9))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert even.grad is not None and even.grad[0, 0, 3] < 0 and even.grad[0, 0, 15] == 0


def test_alignment_health_tells_a_diagonal_from_a_blur() -> None:
    size = torch.tensor([20])
    sharp = alignment_health(torch.eye(20)[None], size, size)
    assert sharp == pytest.approx((1.0, 1.0), abs=1e-3)
    backwards = alignment_health(torch.eye(20).flip(0)[None], size, size)
    assert backwards == pytest.approx((0.0, 1.0), abs=1e-3)
    blur = alignment_health(torch.full((1, 20, 20), 0.05), size, size)
    assert blur == pytest.approx((0.0, 0.0), abs=1e-3)
    assert alignment_health(torch.eye(2)[None], torch.tensor([2]), torch.tensor([2])) == (0, 0)


def test_schedules_begin_and_end_where_they_should() -> None:
    config = TrainingConfig(
        learning_rate=1.0, warmup_steps=10, epochs=None, max_steps=100, ctc_switch=(0.2, 0.6)
    )
    rates = [schedule.learning_rate(config, Progress(step=step), step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[100] == pytest.approx(schedule.FLOOR)
    assert rates[:9] == sorted(rates[:9]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert schedule.ctc_weight(config, 0.1) == config.ctc_early
    assert schedule.ctc_weight(config, 0.4) == pytest.approx(0.4)
    assert schedule.ctc_weight(config, 0.9) == config.ctc_late
    assert schedule.sampling_share(config, 0) == 0.1 and schedule.sampling_share(config, 1) == 0.5


@pytest.mark.parametrize(
    ("budget", "progress", "share", "over"),
    [
        ({"epochs": 4}, Progress(epoch=1, seconds=150), 0.375, False),
        ({"epochs": 4}, Progress(epoch=4, seconds=400), 1.0, True),
        ({"epochs": None, "max_steps": 8}, Progress(step=2), 0.25, False),
        ({"epochs": None, "max_minutes": 10.0}, Progress(minutes=5), 0.5, False),
        ({"epochs": None, "max_minutes": 10.0, "max_steps": 2}, Progress(step=2), 1.0, True),
    ],
)
def test_budgets(budget: dict[str, float], progress: Progress, share: float, over: bool) -> None:
    config = TrainingConfig(**budget)  # type: ignore[arg-type]
    assert schedule.used(config, progress, 100.0) == pytest.approx(share)
    assert bool(schedule.finished(config, progress)) is over


@pytest.mark.parametrize(
    "options",
    [{"epochs": 0}, {"quiet_edges": -1.0}, {"warp": -0.1}, {"warp": 0.31},
     {"rooms": 1.1}, {"rooms": -0.1}, {"telephone": 1.1}, {"telephone": -0.1},
     {"sampling": (0.3,)}, {"sampling": (0.1, 1.5)}, {"noise_snr": ()},
     {"epochs": None}, {"batch_seconds": 0.0}, {"schedule": "sine"},
     {"speeds": ()}, {"speeds": (9.0,)}, {"ctc_early": 1.5}, {"learning_rate": -1.0}],
)  # fmt: skip
def test_impossible_configs(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        TrainingConfig(**options)  # type: ignore[arg-type]


def test_spec_augment_masks_within_its_limits() -> None:
    torch.manual_seed(1)
    features, lengths = torch.ones(40, 300, 80), torch.full((40,), 300)
    lengths[0] = 50
    kept = SpecAugment()(features, lengths)
    frames = (kept.sum(2) == 0).sum(1)
    bands = (kept.sum(1) == 0).sum(1)
    assert frames.max() <= 2 * 30 and frames[0] <= 2 * 5 and bands.max() <= 2 * 27
    assert frames.float().mean() > 5 and bands.float().mean() > 5
    assert (SpecAugment(frequency_width=0, time_width=0)(features, lengths) == 1).all()
    # Park et al. 2019: LibriSpeech double, but for masks of a tenth of the utterance at most.
    usual = SpecAugment(2, 27, 2, 100, 0.1)
    assert spec_augment(1.0) == usual and spec_augment(0.0) is None


def test_moving_average_swaps_and_means_are_exact() -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    average = MovingAverage(model, 0.5)
    start = model.weight.detach().clone()
    with torch.no_grad():
        model.weight += 1
    average.update(model, 10_000)
    average.swap(model)
    torch.testing.assert_close(model.weight.detach(), start + 0.5)
    average.swap(model)
    torch.testing.assert_close(model.weight.detach(), start + 1)
    mean = mean_of([{"a": torch.tensor([1.0])}, {"a": torch.tensor([2.0])}])
    assert mean["a"].tolist() == [1.5]


def made_checkpoint(step: int, ler: float | None = None) -> Checkpoint:
    weights = {"a": torch.arange(3.0)}
    facts = {} if ler is None else {"dev_ler": ler}
    return Checkpoint(
        weights, weights, {"lr": 1}, {}, [torch.get_rng_state()], Progress(step), facts, []
    )


def test_checkpoints_survive_and_the_best_are_kept(tmp_path: Path) -> None:
    lers = [0.9, 0.5, None, 0.7, 0.3, 0.8]
    for step, ler in enumerate(lers):
        save_checkpoint(tmp_path, made_checkpoint(step, ler))
        checkpoints.prune(tmp_path, keep_best=2)
    kept = [int(path.name[5:]) for path in checkpoints.list_checkpoints(tmp_path)]
    assert kept == [1, 4, 5]  # the best two and the last
    copy = tmp_path / "step-0000005.bak"  # a user's own is left alone
    shutil.copytree(tmp_path / "step-0000005", copy)
    checkpoints.drop_later(tmp_path, 5)
    assert checkpoints.list_checkpoints(tmp_path)[-1].name == "step-0000005" and copy.is_dir()
    (tmp_path / "step-0000005" / "optimiser.pt").write_bytes(b"")
    with pytest.raises(LasError, match="damaged checkpoint"):
        load_checkpoint(tmp_path / "step-0000005")
    loaded = load_checkpoint(tmp_path / "step-0000004")
    assert loaded.progress == Progress(4) and loaded.facts == {"dev_ler": 0.3}
    assert torch.equal(loaded.weights["a"], torch.arange(3.0))


def test_the_last_are_kept_too_most_of_them_without_what_only_a_resume_needs(
    tmp_path: Path,
) -> None:
    for step, ler in enumerate([0.9, 0.2, 0.3, 0.7, None, 0.5, 0.6, None]):
        save_checkpoint(tmp_path, made_checkpoint(step, ler))
        checkpoints.prune(tmp_path, keep_best=2, keep_last=4)
    kept = checkpoints.list_checkpoints(tmp_path)
    assert [int(path.name[5:]) for path in kept] == [1, 2, 4, 5, 6, 7]
    whole = [int(path.name[5:]) for path in checkpoints.resumable(tmp_path)]
    assert whole == [1, 6, 7]  # the best and the newest two
    for path in kept:
        assert torch.equal(checkpoints.best_weights(path)["a"], torch.arange(3.0))
    assert sorted(p.name for p in kept[1].iterdir()) == ["average.safetensors", "state.json"]
    checkpoints.drop_later(tmp_path, 4)
    assert [int(p.name[5:]) for p in checkpoints.list_checkpoints(tmp_path)] == [1, 2, 4]


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, made_checkpoint(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(LasError, match="the disk is full.*older checkpoints are intact.*--resume"):
        save_checkpoint(tmp_path, made_checkpoint(2))
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000001"]
    load_checkpoint(tmp_path / "step-0000001")


@pytest.mark.parametrize("name", ["model.safetensors", "optimiser.pt", "state.json"])
def test_damaged_checkpoints_are_named(tmp_path: Path, name: str) -> None:
    path = save_checkpoint(tmp_path, made_checkpoint(1))
    (path / name).write_bytes((path / name).read_bytes()[:20])
    with pytest.raises(LasError, match="step-0000001"):
        load_checkpoint(path)


def test_a_pickle_in_the_optimiser_state_is_not_run(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "owned",))  # type: ignore[return-value]

    path = save_checkpoint(tmp_path, made_checkpoint(1))
    (path / "optimiser.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(LasError):
        load_checkpoint(path)
    assert not (tmp_path / "owned").exists()


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


def test_noise_is_mixed_in_at_the_ratio_asked_for(tmp_path: Path) -> None:
    import random

    soundfile.write(tmp_path / "hiss.wav", np.random.default_rng(1).normal(0, 0.1, 8000), 16000)
    mixer = NoiseMixer([tmp_path], share=1.0, snr=(10.0, 10.0))
    speech = torch.sin(torch.arange(20000) * 0.1)
    noise = mixer(speech, random.Random(1)) - speech
    ratio = 10 * math.log10(float(speech.square().mean() / noise.square().mean()))
    assert ratio == pytest.approx(10, abs=0.5)
    with pytest.raises(LasError, match="no noise recordings"):
        NoiseMixer([tmp_path / "none"], 1.0, (5.0, 5.0))


@pytest.mark.parametrize(
    ("text", "seconds", "reason"),
    [
        ("abc", 1.0, ""), ("", 1.0, "empty text"), ("!?", 1.0, "empty text"),
        ("room 7", 1.0, "digits"), ("abx", 1.0, "outside the alphabet"),
        ("abc", 0.1, "shorter"), ("abc", 30.0, "longer"),
        ("abcde" * 5, 1.0, "more letters"), ("aaaaaaaaaaaa", 0.8, "more letters"),
    ],
)  # fmt: skip
def test_reasons_to_leave_a_clip_out(text: str, seconds: float, reason: str) -> None:
    from lhotse.testing.dummies import dummy_cut, dummy_supervision

    cut = dummy_cut(0, duration=seconds, supervisions=[dummy_supervision(0, duration=seconds)])
    cut.supervisions[0].text = text
    accept = TextFilter(Alphabet.learn(["abcde room"]), TextPolicy(), TrainingConfig(), 0.04)
    assert reason in accept.reason(cut) and bool(accept.reason(cut)) == bool(reason)
