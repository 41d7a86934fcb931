"""How long a clip will be heard, said before it is read."""

from pathlib import Path

import pytest

from las_cli.audio.augmentation import QuietEdges, SoundAugmentation
from las_cli.corpus import load_corpus
from las_cli.text import Alphabet, TextPolicy
from las_cli.training.data import SpeechDataset
from las_cli.training.heard_length import heard_seconds
from las_cli.training.hyperparameters import TrainingConfig
from tests.training.corpora import write_corpus


@pytest.mark.parametrize("edges", [0.0, 0.8])
def test_it_is_the_length_that_the_reader_makes(edges: float, tmp_path: Path) -> None:
    config = TrainingConfig(seed=5, speeds=(0.8, 1.0, 1.25), quiet_edges=edges)
    cuts = load_corpus(write_corpus(tmp_path / "corpus", train=12, dev=1)).cuts("train").to_eager()
    augment = SoundAugmentation(edges=QuietEdges(edges) if edges else None)
    dataset = SpeechDataset(
        Alphabet.learn(["abcde "]), TextPolicy(), speeds=config.speeds, augment=augment,
        seed=5, epoch=2,
    )  # fmt: skip
    batch = dataset[cuts]
    told = [heard_seconds(config, 2, cut.id, cut.duration) for cut in cuts]
    assert batch.ids == [cut.id for cut in cuts]
    assert told == pytest.approx((batch.lengths / 16000).tolist(), abs=0.01)
    changed = [one != pytest.approx(cut.duration) for one, cut in zip(told, cuts, strict=True)]
    assert sum(changed) > 6
