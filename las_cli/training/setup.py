"""A corpus folder and options in; a trainer ready to run, or one that goes on, out."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from las_cli.corpus.checks import RARE_SHARE
from las_cli.corpus.preparation_report import language_notes
from las_cli.errors import LasError, UsageError
from las_cli.files import read_json, write_bytes, write_json
from las_cli.folder_lock import LOCK, FolderLock
from las_cli.memory import peak_memory
from las_cli.network.las import LAS, count_parameters
from las_cli.saved_model.folder import LoadedModel, trained_weights
from las_cli.saved_model.names import ALPHABET, LM_CONFIG, LM_WEIGHTS
from las_cli.sharing.find import load_model
from las_cli.text import Alphabet, TextPolicy, Units, units_from_json
from las_cli.text.units import FIRST
from las_cli.training.data import SORTED_LIMIT, dev_texts, learn_alphabet_texts
from las_cli.training.loop import Trainer
from las_cli.training.mixture import Mixture, Part, make_parts, named
from las_cli.training.plan import SETUP, Plan, agreed, read_plan
from las_cli.training.processes import Machine
from las_cli.training.run import Run
from las_cli.training.text_filter import TextFilter, written_text

if TYPE_CHECKING:
    from lhotse import CutSet
    from lhotse.cut import Cut

    from las_cli.corpus import Corpus

# Options that change which clips make which batch of a pass.
CLIP_ORDER = (
    "batch_seconds", "accumulate", "seed", "buckets", "min_seconds", "max_seconds", "speeds",
    "quiet_edges", "short_first", "shares_until",
)  # fmt: skip


def start(plan: Plan, folder: Path, *, overwrite: bool, quiet: bool = False) -> Trainer:
    """A new training in `folder`. LasError if the folder holds one already, or the corpus none.

    With `overwrite`, what the folder holds goes only once everything else was found to be good.
    """
    # Before anything is read or written: a device or precision may not be there.
    machine = Machine.find(plan.training.device, plan.training.precision)
    first = machine.processes.first
    lock = None
    if first:
        refuse_full(folder, plan, overwrite)
        # From here to the end of the process: reading a large corpus takes minutes.
        lock = FolderLock(folder, "training")
    try:
        return _started(plan, folder, machine, overwrite, quiet)
    except BaseException:
        if lock is not None:
            lock.release(clean=True)
        raise


def _started(plan: Plan, folder: Path, machine: Machine, overwrite: bool, quiet: bool) -> Trainer:
    """The trainer of `start`, in a folder that no other process writes into."""
    first = machine.processes.first
    plan, corpora = read_corpora(plan)
    plan = with_language(plan, corpora)
    units = learn_units(plan, corpora)
    other = load_model(plan.init, "cpu") if plan.init else None
    if other is not None and not plan.wordpieces and covers(other.alphabet, units):
        units = other.alphabet
    network = replace(plan.network, units=len(units))
    plan = replace(plan, network=network, names=tuple(plan.corpus_names))
    # The same first weights in every process and in every run of the same seed.
    torch.manual_seed(plan.training.seed)
    model = LAS(network)
    notes = start_from(model, units, other) if other is not None else []
    notes += language_notes(plan.text)
    keeps = other is not None and other.alphabet.fingerprint == units.fingerprint
    if other is not None and keeps:
        plan = replace(plan, decoding=other.decoding)
    if first and overwrite:
        _empty(folder)
    trainer = make_trainer(plan, folder, model, units, corpora, notes, quiet, machine)
    if first:
        write_json(folder / ALPHABET, units.to_json())
        plan = replace(plan, clips=trainer.mixture.clips)
        write_json(folder / SETUP, dataclasses.asdict(plan))
        if other is not None and keeps:
            for note in keep_search(other, folder):
                trainer.run.say(note)
    return trainer


def _empty(folder: Path) -> None:
    """Deletes what is in `folder`, all but the lock that this process holds there."""
    for path in folder.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def covers(known: Units, learned: Units) -> bool:
    """Whether letters `known` to a model are all that was `learned` from a text, and maybe more."""
    return isinstance(known, Alphabet) and set(learned.units) <= set(known.units)


def keep_search(model: LoadedModel, folder: Path) -> list[str]:
    """Copies the language model of `model` into `folder`; sentences on what of its search stays.

    LasError if it cannot be copied.
    """
    kept = []
    if (model.folder / LM_CONFIG).is_file():
        for name in (LM_WEIGHTS, LM_CONFIG):  # one without the other is no language model
            write_bytes(folder / name, (model.folder / name).read_bytes())
        kept.append("language model")
    if model.decoding:
        kept.append("weights of the search")
    if model.decoding.get("calibration"):
        kept.append("calibration")
    return [f"keeps of {model.name}: {', '.join(kept)}"] if kept else []


def refuse_full(folder: Path, plan: Plan, overwrite: bool) -> None:
    """UsageError if `folder` holds anything but a training that may be overwritten.

    Nor may it be overwritten if what is to be trained on lies in it.
    """
    if not (folder / SETUP).exists():
        if folder.exists() and (
            not folder.is_dir() or any(path.name != LOCK for path in folder.iterdir())
        ):
            raise UsageError(f"{folder}: is not an empty folder; choose another --output")
        return
    if not overwrite:
        raise UsageError(
            f"{folder}: holds a training already; --resume goes on with it, "
            "--overwrite starts afresh"
        )
    sources = [("data", one) for one in plan.data]
    sources += [("noise", folder) for folder in plan.training.noise]
    sources += [("teacher", folder) for folder in plan.training.teacher]
    for flag, source in (*sources, ("init", plan.init)):
        if source and Path(source).resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{folder}: --overwrite would delete --{flag} {source}, which is there"
            )


def resume(
    folder: Path,
    changes: dict[str, Any],
    asked: Mapping[str, Any] | None = None,
    *,
    quiet: bool = False,
) -> Trainer:
    """The training in `folder` from its last checkpoint, with the options in `changes`.

    Changed options last: the next resume finds them. asked: what else was given, see
    `plan.agreed`; its "data" may name the corpora's new places. Raises LasError if there is no
    training, if the alphabet or the network is no longer the same, or if the clips in a new place
    are others.
    """
    if not (folder / SETUP).is_file():
        raise LasError(f"{folder}: no training to resume ({SETUP} is missing)")
    plan = read_plan(folder / SETUP)
    before, places = plan.training, plan.data
    plan = replace(plan, names=tuple(plan.corpus_names))
    plan = agreed(plan, asked or {})
    plan = replace(plan, training=replace(before, **changes))
    machine = Machine.find(plan.training.device, plan.training.precision)
    if machine.processes.first:
        FolderLock(folder, "training")
    for place in plan.data:
        if not Path(place).exists():
            raise LasError(
                f"{place}: is gone; if the corpus was moved, name its new place with --data"
            )
    plan, corpora = read_corpora(plan)
    units = units_from_json(read_json(folder / ALPHABET))
    if len(units) != plan.network.units:
        raise LasError(
            f"{folder / ALPHABET}: {len(units)} units, {SETUP} says {plan.network.units}; "
            "the run folder was changed by hand"
        )
    model = LAS(plan.network)
    if plan.training.anchor and plan.init:  # from where it is pulled back to
        start_from(model, units, load_model(plan.init, "cpu"))
    trainer = make_trainer(plan, folder, model, units, corpora, [], quiet, machine)
    plan = same_clips(plan, places, trainer)
    path = trainer.resume()
    trainer.run.say(f"goes on from {path}")
    if changes or plan.data != places:
        if machine.processes.first:
            write_json(folder / SETUP, dataclasses.asdict(plan))
        changed = [name for name in CLIP_ORDER if getattr(before, name) != changes.get(name)]
        changed = [name for name in changed if name in changes]
        if changed and trainer.progress.batch:
            trainer.run.warn(
                f"{', '.join(changed)} changed in the middle of a pass: of this pass some clips "
                "are heard twice or not at all"
            )
    return trainer


def same_clips(plan: Plan, places: tuple[str, ...], trainer: Trainer) -> Plan:
    """The plan with what the clips are; tells of those that changed where they lay.

    places: where the corpora were before. LasError if a new place holds other clips.
    """
    if not plan.clips:  # begun before this was noted
        return replace(plan, clips=trainer.mixture.clips)
    for place, before, then, now in zip(
        plan.data, places, plan.clips, trainer.mixture.clips, strict=True
    ):
        if then == now:
            continue
        if place != before:
            raise LasError(
                f"{place}: its clips are not those of {before} when the training began "
                f"({now}, then {then}); name the folder it was moved to"
            )
        trainer.run.warn(
            f"{place}: its clips are not those the training began with ({now}, then {then}); it "
            "goes on with them, but not as an unbroken run would"
        )
    return plan


def rehearse(plan: Plan) -> str:
    """Two updates and a validation of `plan` in a folder that is thrown away.

    Returns what was measured: parameters, speed, time an epoch, peak memory; of the processes that
    train together the first one does, the others return nothing.
    """
    import tempfile
    import time

    with tempfile.TemporaryDirectory(prefix="las-dry-run-") as folder:
        trainer = start(plan, Path(folder) / "run", overwrite=True)
        batches = trainer.batches()
        first_update = next(batches, None)
        if first_update is None:
            raise LasError(f"{plan.told_data}: no clip of {plan.split} makes a batch")
        trainer.update(first_update)  # also warms up
        began = time.monotonic()
        seconds = trainer.update(next(batches, first_update)).seconds
        speed = seconds / (time.monotonic() - began)
        del batches
        result = trainer.validate() if trainer.processes.first else None
        hours = trainer.epoch_seconds / 3600
        lines = [
            f"device {trainer.device}, precision {str(trainer.precision).removeprefix('torch.')}, "
            f"{trainer.processes.world} process(es)",
            f"{speed:.0f} × real time: an epoch of {hours:.2f} h takes about "
            f"{trainer.epoch_seconds / speed / 60:.1f} min",
            f"peak memory {peak_memory() / 2**30:.1f} GB a process",
        ]
        if result is not None:
            lines.append(f"validation works (LER {result.ler:.0%} before any training)")
        trainer.processes.wait()  # for the first one, which validates
        trainer.processes.leave()
        return "\n".join(lines) if trainer.processes.first else ""


def read_corpora(plan: Plan) -> tuple[Plan, list[Corpus]]:
    """The corpora, and the plan with the text rules that `las prepare` checked them by.

    Where one of several came with a dev split, nothing is set aside of the others, nor of those
    with a share. LasError if the rules asked for are others: the report would not hold for them.
    """
    from las_cli.corpus import load_corpus, use_soundfile

    use_soundfile()
    corpora = [load_corpus(Path(folder)) for folder in plan.data]
    has_dev = [corpus.has_own(plan.dev_split) for corpus in corpora]
    for place in range(len(corpora)):
        has_share = bool(plan.shares and plan.shares[place]) and not all(plan.shares)
        if not has_dev[place] and (any(has_dev) or has_share):
            corpora[place] = corpora[place].undivided()
    for folder, corpus in zip(plan.data, corpora, strict=True):
        if corpus.policy is not None and corpus.policy != plan.text:
            if plan.text != TextPolicy():
                raise UsageError(
                    f"{folder}: prepared with other text rules ({corpus.policy}); give "
                    "`las train` none, or run `las prepare` again with the ones you want"
                )
            plan = replace(plan, text=corpus.policy)
    return plan, corpora


def with_language(plan: Plan, corpora: list[Corpus]) -> Plan:
    """The plan with the language of the corpora, where all say one whose capitals are others."""
    languages = {corpus.casing_language for corpus in corpora}
    if plan.text.language or plan.init or len(languages) != 1:
        return plan
    return replace(plan, text=replace(plan.text, language=languages.pop()))


def learn_units(plan: Plan, corpora: list[Corpus]) -> Units:
    """Letters or word pieces of the training text; quick where `las prepare` counted letters."""
    cuts = (cut for corpus in corpora for cut in corpus.cuts(plan.split))
    if plan.wordpieces:
        from las_cli.text.wordpieces import WordPieces

        return WordPieces.learn(learn_alphabet_texts(cuts, plan.text), plan.wordpieces)
    counted = [corpus.letters(plan.text, plan.split) for corpus in corpora]
    known = [letters for letters in counted if letters is not None]
    if len(known) == len(corpora):
        return Alphabet.of_counts(sum(known, Counter()), RARE_SHARE)
    return Alphabet.learn(learn_alphabet_texts(cuts, plan.text), RARE_SHARE)


def start_from(model: LAS, units: Units, other: LoadedModel) -> list[str]:
    """Copies what fits from another model; letters both know keep their rows.

    Returns sentences that name the layers that start fresh.
    """
    theirs = {unit: i + FIRST for i, unit in enumerate(other.alphabet.units)}
    rows = {0: 0, 1: 1} | {
        i + FIRST: theirs[unit] for i, unit in enumerate(units.units) if unit in theirs
    }
    source, fresh = trained_weights(other.model), []
    by_unit = ("speller.embedding.weight", "speller.output.weight", "speller.output.bias",
               "ctc.weight", "ctc.bias")  # fmt: skip
    with torch.no_grad():
        for weight_name, parameter in model.named_parameters():
            given = source.get(weight_name)
            if (
                given is not None
                and weight_name in by_unit
                and given[0].shape == parameter[0].shape
            ):
                for mine, its in rows.items():
                    parameter[mine] = given[its]
            elif given is not None and given.shape == parameter.shape:
                parameter.copy_(given)
            else:
                fresh.append(weight_name)
    new = [unit for unit in units.units if unit not in theirs]
    notes = [f"starts from {other.name}: {len(rows) - FIRST} of {len(units) - FIRST} letters known"]
    if new:
        notes.append(f"letters that start fresh: {' '.join(new)}")
    if model.config.features != other.model.config.features:
        notes.append(
            f"its features are others: {other.model.config.features}; it has to learn them anew"
        )
    if fresh:
        notes.append(f"layers that do not fit and start fresh: {', '.join(fresh)}")
    return notes


def refuse_shared(plan: Plan, train_cuts: CutSet, dev_cuts: CutSet) -> None:
    """UsageError if clips of the dev split are in the split to train on, as in `validated`.

    Of the split `train` the corpus itself leaves out what dev and test hold.
    """
    held = {(cut.recording.sources[0].source, cut.start) for cut in dev_cuts}
    shared = sum((cut.recording.sources[0].source, cut.start) in held for cut in train_cuts)
    if shared:
        raise UsageError(
            f"{plan.told_data}: {shared} clips of {plan.split} are in {plan.dev_split} too; "
            f"`las prepare --train-split {plan.split}` makes a corpus in which they are not"
        )


def make_trainer(
    plan: Plan,
    folder: Path,
    model: LAS,
    units: Units,
    corpora: list[Corpus],
    notes: list[str],
    quiet: bool,
    machine: Machine,
) -> Trainer:
    """Puts the pieces together and says what will be trained on what."""
    dev_cuts = dev_of(plan, corpora)
    accept = TextFilter(units, plan.text, plan.training, plan.network.step_seconds)
    if len(corpora) > 1:  # of one corpus alone its reader has left them out
        accept.held_out = dev_texts(dev_cuts, plan.text)
    names = plan.corpus_names
    heard = [
        readable(plan, corpus, folder, dev_cuts, accept)
        for folder, corpus in zip(plan.data, corpora, strict=True)
    ]
    clips, seconds = sum(one.clips for one in heard), sum(one.seconds for one in heard)
    told = tuple(one.told for one in heard)
    if len(corpora) > 1:
        cuts = [named(one.cuts, name) for one, name in zip(heard, names, strict=True)]
        parts = make_parts(names, cuts, [one.seconds for one in heard], plan.shares)
        mixture = Mixture(parts, names, told)
    else:
        mixture = Mixture([Part(names[0], heard[0].cuts, seconds, 1.0)], [], told)
    run = Run(
        folder,
        units,
        plan.text,
        processes=machine.processes,
        quiet=quiet,
        log_seconds=plan.training.log_seconds,
        tensorboard=plan.training.tensorboard,
        decoding=plan.decoding,
        facts={
            "preset": plan.preset,
            "training": plan.training.to_json(),
            "parameters": count_parameters(model),
            "train_clips": clips,
            "train_hours": round(seconds / 3600, 2),
        },
    )
    for note in (*(note for corpus in corpora for note in corpus.notes), *notes):
        run.say(note)
    for reason, count in accept.reasons.most_common():
        run.say(f"{count} clips of {plan.split} left out: {reason}")
    if mixture.corpora:
        for one, name in zip(heard, names, strict=True):
            run.say(f"{name}: {one.clips} clips, {one.seconds / 3600:.2f} h")
        mixed = ", ".join(f"{part.share:.0%} {part.name}" for part in mixture.parts)
        run.say(f"of the sound in an update: {mixed}; a pass is over {mixture.parts[0].name}")
    run.say(
        f"{clips} clips, {seconds / 3600:.2f} h of {plan.told_data}; {len(units) - FIRST} "
        f"{units.kind}; {count_parameters(model) / 1e6:.1f} million parameters"
    )
    return Trainer(model, units, plan.text, plan.training, mixture, dev_cuts, run, accept, machine)


def dev_of(plan: Plan, corpora: list[Corpus]) -> CutSet:
    """The dev splits of the corpora that have one, together."""
    from lhotse import CutSet

    if len(corpora) == 1:
        return corpora[0].cuts(plan.dev_split)
    names = plan.corpus_names
    cuts = [
        named(corpus.cuts(plan.dev_split), name)
        for corpus, name in zip(corpora, names, strict=True)
        if plan.dev_split in corpus.splits
    ]
    if not cuts:
        raise LasError(f"{plan.told_data}: none of them has the split {plan.dev_split}")
    return CutSet.from_cuts(cut for one in cuts for cut in one)


@dataclass(frozen=True)
class Readable:
    """What of a corpus can be trained on."""

    cuts: CutSet
    clips: int
    seconds: float
    told: str  # the clips in a few words, the same for the same clips


def readable(
    plan: Plan, corpus: Corpus, folder: str, dev_cuts: CutSet, accept: TextFilter
) -> Readable:
    """The cuts of the split to train on and how many there are. LasError if there are none."""
    cuts = corpus.cuts(plan.split)
    if plan.split != "train" and not (cuts.is_lazy or dev_cuts.is_lazy):
        refuse_shared(plan, cuts, dev_cuts)
    amount = corpus.amount(plan.split) if cuts.is_lazy else None
    if amount is not None and amount.clips <= SORTED_LIMIT:
        cuts, amount = cuts.to_eager(), None  # so that the first pass can be sorted
    limits = plan.training.min_seconds, plan.training.max_seconds
    if amount is not None and corpus.counted_within(*limits):
        # `las prepare` has looked at each clip by the same rule; a million is not read again.
        clips, seconds = amount.clips, amount.seconds
        told = f"{clips} clips of {seconds:.0f} s"
    else:
        before = accept.reasons.copy()
        clips, seconds, told = count_clips(filter(accept, cuts))
        if not clips:
            counts = (accept.reasons - before).most_common()
            reasons = ", ".join(f"{n} {reason}" for reason, n in counts)
            raise LasError(f"{folder}: no clip of {plan.split} can be trained on ({reasons})")
    return Readable(cuts, clips, seconds, told)


def count_clips(cuts: Iterable[Cut]) -> tuple[int, float, str]:
    """How many clips, their seconds, and a few words with a hash that is the same for the same ids,
    lengths and texts, wherever they lie and in whatever order."""
    clips, seconds, together = 0, 0.0, 0
    for cut in cuts:
        line = f"{cut.id} {cut.duration:.3f} {written_text(cut)}"
        together ^= int.from_bytes(hashlib.sha256(line.encode()).digest()[:6], "big")
        clips, seconds = clips + 1, seconds + cut.duration
    return clips, seconds, f"{clips} clips, hash {together:012x}"
