"""A model, clips to train on and clips to check by in; a run folder with the model adapted out."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from las_cli.adaptation.division import Division
from las_cli.adaptation.voice_settings import VoiceSettings
from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.corpus import read_cut
from las_cli.errors import LasError
from las_cli.evaluation.decode_split import DecodedSplit, decode_split
from las_cli.recogniser import Recogniser
from las_cli.training import setup
from las_cli.training.plan import SETUP, Plan

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.decoding.decoder import LanguageModel
    from las_cli.network.las import LAS
    from las_cli.saved_model.folder import LoadedModel
    from las_cli.training.loop import Trainer

CLIPS = "clips"  # folder of the manifests, in the run's work folder
TRAINING = "training"  # the run folder of las train, in there


def write_division(division: Division, work: Path) -> None:
    """The division as a corpus of two manifests, which training reads and resumes from."""
    from lhotse import CutSet

    folder = work / CLIPS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for split, cuts in (("dev", division.check), ("train", division.train)):
            names = (folder / f"{split}-{number:06d}.flac" for number in itertools.count())
            own = [_with_file(cut, names) for cut in cuts]
            CutSet.from_cuts(own).to_jsonl(folder / f"cuts_{split}.jsonl.gz")
    except OSError as error:
        raise LasError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _with_file(cut: Cut, names: Iterator[Path]) -> Cut:
    """The clip itself if its sound is a plain file, else (shards) with its sound in a new one."""
    from lhotse import AudioSource, Recording
    from lhotse.utils import fastcopy

    if all(type(one) is AudioSource and one.type == "file" for one in cut.recording.sources):
        return cut
    import soundfile

    path = next(names)
    soundfile.write(path, read_cut(cut).numpy(), SAMPLE_RATE, subtype="PCM_16")
    alone = Recording.from_file(path, recording_id=cut.recording_id).to_cut()
    alone.id, alone.custom = cut.id, cut.custom
    alone.supervisions = [
        fastcopy(one, start=0.0, duration=alone.duration, channel=0) for one in cut.supervisions
    ]
    return alone


def prepare_training(
    recogniser: Recogniser,
    seconds: float,
    settings: VoiceSettings,
    work: Path,
    best: float,
    *,
    quiet: bool = False,
) -> Trainer:
    """A trainer for the clips of `write_division`, from its last checkpoint where there is one.

    recogniser: with the search, and the language model, that checks are made with
    seconds: of training clips
    best: letter error rate of the check part before; nothing above it is kept
    """
    folder = work / TRAINING
    loaded = recogniser.loaded
    if any((folder / "checkpoints").glob("*")):
        trainer = setup.resume(folder, {}, quiet=quiet)
    else:
        plan = Plan(
            data=(str((work / CLIPS).absolute()),),
            split="train",
            dev_split="dev",
            network=loaded.model.config,
            training=settings.training(seconds),
            text=loaded.policy,
            preset=loaded.name,
            init=str(loaded.folder.absolute()),
        )
        overwrite = (folder / SETUP).exists()  # stopped before its first checkpoint
        trainer = setup.start(plan, folder, overwrite=overwrite, quiet=quiet)
        trainer.progress.best = best
    if trainer.units.fingerprint != loaded.alphabet.fingerprint:
        raise LasError(f"{work}: its clips are of another alphabet than {loaded.name}")
    cuts = [cut for batch in trainer.dev for cut in batch]

    def judge(model: LAS) -> tuple[float, float]:
        decoded = check(recogniser, cuts, model)
        return error_rates(decoded)

    trainer.judge = judge
    return trainer


def check(
    recogniser: Recogniser,
    cuts: list,
    model: LAS | None = None,
    lm: LanguageModel | None = None,
) -> DecodedSplit:
    """Clips recognised by the full search; with another network or language model, if given.

    LasError if none can be read.
    """
    loaded, lm = recogniser.loaded, lm or recogniser.lm
    training = False
    if model is not None:
        training = model.training
        loaded = dataclasses.replace(loaded, model=model.eval())
    try:
        decoded = decode_split(Recogniser.of(loaded, recogniser.options, lm), cuts)
    finally:
        if model is not None:
            model.train(training)
    if not decoded.utterances:
        raise LasError(f"none of {len(cuts)} clips to check by can be read")
    return decoded


def error_rates(decoded: DecodedSplit) -> tuple[float, float]:
    """Letter and word error rate."""
    from las_cli.scoring import score_pairs

    counts = score_pairs(decoded.references, decoded.hypotheses, normaliser="none").counts
    return counts["letters"].rate, counts["words"].rate


def adapted_model(loaded: LoadedModel, work: Path) -> LoadedModel | None:
    """The best model of the training; None where none was better than what it came from."""
    from las_cli.saved_model.folder import load_folder
    from las_cli.saved_model.names import CONFIG

    folder = work / TRAINING
    if not (folder / CONFIG).is_file():
        return None
    device = str(next(loaded.model.parameters()).device)
    return load_folder(folder, loaded.name, device)
