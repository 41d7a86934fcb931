"""A model, a user's recordings and texts in; an adapted model's folder out, if it is better."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.adaptation.blending import blended
from las_cli.adaptation.division import Division, divide, given_division, sound_seconds
from las_cli.adaptation.fitting import Fit, clip_names, find_fits, refuse_strange
from las_cli.adaptation.outcome import Outcome, make_outcome
from las_cli.adaptation.voice import (
    CLIPS,
    TRAINING,
    adapted_model,
    check,
    error_rates,
    prepare_training,
    write_division,
)
from las_cli.adaptation.voice_settings import VoiceSettings
from las_cli.adaptation.words import WordsAdded, add_words
from las_cli.corpus import load_corpus, use_soundfile
from las_cli.errors import LasError, UsageError
from las_cli.files import read_json, write_json
from las_cli.language import LetterLM, MixedLM
from las_cli.recogniser import Recogniser, find_language_model
from las_cli.text import Alphabet
from las_cli.training.text_filter import TextFilter, cut_text

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.saved_model.folder import LoadedModel
    from las_cli.training.loop import Trainer

REQUEST = "request.json"  # in the work folder: what was asked for
ENOUGH_MINUTES = 5.0
MOST_REJECTED = 0.5  # share of the clips; with more of them the recordings are of another kind

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What a model is to be adapted to; kept in the work folder, so that it can be gone on with."""

    model: str  # as the user named it
    data: tuple[str, ...] = ()  # corpora
    text: tuple[str, ...] = ()  # files and folders of text
    voice: VoiceSettings = field(default_factory=VoiceSettings)


@dataclass(frozen=True)
class Clips:
    """What of the recordings can be used."""

    division: Division
    left_out: dict[str, int]  # reason → clips


class Adaptation:
    """One model on its way to a better one. `work` holds what must survive an interruption."""

    def __init__(
        self, request: Request, recogniser: Recogniser, output: Path, tell: Tell, quiet: bool
    ) -> None:
        self.request, self.recogniser, self.output = request, recogniser, output
        self.work = work_folder(output)
        self.tell, self.quiet = tell, quiet
        self.words: WordsAdded | None = None
        self.clips: Clips | None = None
        self.voiced: LoadedModel | None = None  # the network that learned from the recordings
        self._read = 0  # clips of the corpora

    @property
    def began(self) -> bool:
        """Whether there is a training that could be gone on with."""
        return any((self.work / TRAINING / "checkpoints").glob("*"))

    @property
    def advice(self) -> str:
        """What to try where the result is no better."""
        if self.clips is None:
            return "give more text of the kind that will be spoken"
        minutes = self.clips.division.train_seconds / 60
        if minutes < ENOUGH_MINUTES:
            return f"record more ({minutes:.1f} minutes were learned from), check the texts"
        return "check that the texts are what is said, or try --moves all or a lower rate"

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome | None:
        """Everything up to what is to be said of it; None if it was stopped on the way.

        LasError for recordings or texts that nothing can be learned from.
        """
        try:
            self.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LasError(
                f"{self.work}: cannot be written ({error.strerror}); name another --output"
            ) from error
        write_json(self.work / REQUEST, dataclasses.asdict(self.request))
        if self.request.data and not isinstance(self.recogniser.loaded.alphabet, Alphabet):
            raise LasError(
                f"{self.request.model}: writes word pieces; only a model of letters can be adapted "
                "to recordings (las train --init goes on with this one)"
            )
        if self.request.data:
            self.clips = self._clips()
        if self.request.text:
            self.words = self._words()
        if self.clips is None:
            return make_outcome(None, None, self.words)
        searched = Recogniser.of(
            self.recogniser.loaded,
            self.recogniser.options,
            self.words.model if self.words else self.recogniser.lm,
        )
        cuts = list(self.clips.division.check)
        before = check(self.recogniser, cuts)
        ler, wer = error_rates(before)
        self.tell(f"before: LER {ler:.2%}, WER {wer:.2%} on the part to check by")
        start = before  # what the voice must be better than
        if self.words is not None:
            start = check(searched, cuts)
            ler, wer = error_rates(start)
            self.tell(f"with the words alone: LER {ler:.2%}, WER {wer:.2%}")
        trainer = self._trainer(searched, ler)
        with trainer.run:
            trainer.train(stop)
        trainer.processes.leave()
        if not trainer.progress.done:
            return None
        self.voiced = self._voiced()
        after = check(searched, cuts, self.voiced.model) if self.voiced else start
        return make_outcome(before, after, self.words)

    def _voiced(self) -> LoadedModel | None:
        """What the training made of the network; None where it made nothing better."""
        loaded = self.recogniser.loaded
        best = adapted_model(loaded, self.work)
        if best is None:
            self.tell(f"no check was better: the network stays that of {self.request.model}")
            return None
        share = self.request.voice.share
        return dataclasses.replace(best, model=blended(loaded.model, best.model, share))

    def _trainer(self, searched: Recogniser, ler: float) -> Trainer:
        assert self.clips is not None
        seconds = self.clips.division.train_seconds
        trainer = prepare_training(
            searched, seconds, self.request.voice, self.work, ler, quiet=self.quiet
        )
        trainer.run.go_on = f"las adapt --resume --output {self.output}"
        trainer.run.where, trainer.run.draws = "", False
        return trainer

    def _words(self) -> WordsAdded:
        checked_by = frozenset[str]()
        if self.clips is not None:
            policy = self.recogniser.loaded.policy
            checked_by = frozenset(cut_text(cut, policy) for cut in self.clips.division.check)
        texts = [Path(text) for text in self.request.text]
        loaded, lm = self.recogniser.loaded, self.recogniser.lm
        if lm is None and find_language_model(loaded, None) is not None:
            raise LasError(
                f"{loaded.name}: its search gives its language model no weight, so texts would "
                "change nothing; find one with `las tune` first"
            )
        assert lm is None or isinstance(lm, LetterLM | MixedLM)
        words = add_words(loaded, lm, texts, checked_by)
        self.tell(words.summary)
        for reason, count in words.notes.left_out.most_common():
            self.tell(f"{count:,} sentences {reason} left out")
        return words

    def _clips(self) -> Clips:
        """The usable clips of the corpora, parted; told of, and written into the work folder.

        A part that was written before is taken as it is.
        """
        use_soundfile()
        noted = self.work / CLIPS / "left_out.json"
        if noted.is_file():
            saved = load_corpus(self.work / CLIPS)
            division = Division(tuple(saved.cuts("train")), tuple(saved.cuts("dev")))
            return Clips(division, dict(read_json(noted)))
        left_out: dict[str, int] = {}
        train, dev = self._readable(left_out)
        usable = self._fitting([*train, *dev], left_out)
        policy = self.recogniser.loaded.policy
        kept = {id(cut) for cut in usable}
        train, dev = ([cut for cut in part if id(cut) in kept] for part in (train, dev))
        division = given_division(train, dev, policy) if dev else divide(train, policy)
        if division.shared:
            left_out["with a sentence that the result is checked by"] = division.shared
        self.tell(
            f"{division.train_seconds / 60:.1f} minutes to learn from "
            f"({len(division.train)} clips), {division.check_seconds / 60:.1f} to check by "
            f"({len(division.check)} clips)"
        )
        for reason, count in left_out.items():
            self.tell(f"{count} clips {reason} left out")
        write_division(division, self.work)
        write_json(noted, left_out)
        return Clips(division, left_out)

    def _readable(self, left_out: dict[str, int]) -> tuple[list[Cut], list[Cut]]:
        """The clips whose texts this model can write: those of all splits, and of dev ones.

        LasError where most cannot.
        """
        loaded = self.recogniser.loaded
        config = self.request.voice.training(60.0)
        accept = TextFilter(
            loaded.alphabet, loaded.policy, config, loaded.model.config.step_seconds
        )
        train: list[Cut] = []
        dev: list[Cut] = []
        read = 0
        for folder in self.request.data:
            corpus = load_corpus(folder, derive_dev=False)
            for split in usable_splits(corpus.splits):
                cuts = list(corpus.cuts(split))
                read += len(cuts)
                (dev if split == "dev" else train).extend(filter(accept, cuts))
            for note in corpus.notes:
                self.tell(note)
        for reason, count in accept.reasons.most_common():
            left_out[f"with {reason}" if "text" in reason else reason] = count
        self._read = read
        self._refuse_most(0, left_out)
        seconds = sound_seconds([*train, *dev])
        self.tell(f"{read} clips read, {len(train) + len(dev)} usable, {seconds / 60:.1f} minutes")
        return train, dev

    def _refuse_most(self, strange: int, left_out: dict[str, int]) -> None:
        """LasError where most clips are left out, by their text or since it is `strange`."""
        rejected = strange + sum(left_out.values())
        if not self._read or rejected <= MOST_REJECTED * self._read:
            return
        reasons = [f"{count} {reason}" for reason, count in left_out.items()]
        reasons += [f"{strange} with a text that does not belong to the sound"] if strange else []
        loaded = self.recogniser.loaded
        raise LasError(
            f"{', '.join(self.request.data)}: {rejected} of {self._read} clips cannot be learned "
            f"by {loaded.name} ({', '.join(reasons)}); it writes {shown_letters(loaded)}; for "
            "another language or alphabet use `las train`"
        )

    def _fitting(self, cuts: Sequence[Cut], left_out: dict[str, int]) -> list[Cut]:
        """The clips whose texts belong to their sound; the others are told of by name."""
        fits = find_fits(self.recogniser.loaded, cuts)
        broken: list[Fit] = [fit for fit in fits if fit.problem]
        for fit in broken:
            self.tell(f"warning: {fit.problem}")
        if broken:
            left_out["that cannot be read"] = len(broken)
        heard = [fit for fit in fits if not fit.problem]
        if not heard:
            raise LasError(f"{', '.join(self.request.data)}: none of {len(fits)} clips can be read")
        good, strange = refuse_strange(heard)
        self._refuse_most(len(strange), left_out)
        if strange:
            left_out["whose text does not belong to the sound"] = len(strange)
            self.tell(f"texts that do not belong to their sound, left out: {clip_names(strange)}")
        return [fit.cut for fit in good]


def usable_splits(splits: Sequence[str]) -> list[str]:
    """What of a corpus is adapted on and checked by; test is left for who wants to measure."""
    if "train" in splits:
        return [split for split in ("train", "dev") if split in splits]
    if "validated" in splits:
        return ["validated"]
    return [split for split in splits if split != "test"] or list(splits)


def shown_letters(loaded: Any) -> str:
    """The letters of a model's alphabet, for a message."""
    return "".join(loaded.alphabet.units).replace(" ", "").strip() or "nothing"


def work_folder(output: Path) -> Path:
    """Where an adaptation works until `output` is written."""
    if output.name in ("", ".."):
        raise UsageError(f"{output}: cannot be replaced; name a new folder with --output")
    return output.with_name(f"{output.name}.adapting")


def read_request(output: Path) -> Request:
    """What an interrupted adaptation had been asked; LasError if there is none."""
    path = work_folder(output) / REQUEST
    if not path.is_file():
        raise LasError(f"{output}: no adaptation to go on with ({path} is missing)")
    from las_cli.network.config import build

    request = build(Request, read_json(path), "request")
    assert isinstance(request, Request)
    return request


def require_free(output: Path) -> None:
    """UsageError if the place for the model, or for the work on it, is taken."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output}: is not empty; name a new folder with --output")
    work = work_folder(output)
    if work.exists():
        raise UsageError(
            f"{work}: an adaptation that was stopped; --resume goes on with it, or delete the "
            "folder"
        )


def drop_work(output: Path) -> None:
    """Removes the work folder."""
    shutil.rmtree(work_folder(output), ignore_errors=True)
