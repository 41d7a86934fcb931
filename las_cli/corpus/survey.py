"""The texts and speakers of all splits in, what train shares with dev and test out; no audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from las_cli.corpus.held_out import HeldOut, choose, hash_of
from las_cli.corpus.layout import MAIN_SPLITS, Layout
from las_cli.corpus.utterance import BadRow, Utterance
from las_cli.errors import LasError
from las_cli.text.normalise import TextPolicy, has_unspelled, normalise

# "auto" gives up dropping what is shared when it would cost more than this share of train:
# a corpus in which every speaker reads the same sentences would be left with nothing.
TOO_MUCH = 0.5


@dataclass
class Survey:
    """What one reading of a corpus' tables tells."""

    layout: Layout
    train_split: str = "train"  # the corpus' own name of the split to train on
    held_out: HeldOut | None = None
    rows: Counter[str] = field(default_factory=Counter)  # by split, unreadable ones too
    letters: Counter[str] = field(default_factory=Counter)  # of the training text
    sentences: set[int] = field(default_factory=set)  # of dev and test, hashed
    speakers: set[str] = field(default_factory=set)  # of dev and test
    same_sentence: int = 0  # training clips whose sentence is one of these
    same_speaker: int = 0
    drop_sentences: bool = True  # whether such clips are to be left out
    drop_speakers: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def splits(self) -> tuple[str, ...]:
        """train, dev and test, as far as there are any."""
        there = set(self.layout.splits) & {"dev", "test"}
        if self.train_split in self.layout.splits:
            there.add("train")
        if self.held_out:
            there.add("dev")
        return tuple(split for split in MAIN_SPLITS if split in there)

    def read(self, split: str) -> Iterator[Utterance | BadRow]:
        """The rows of a split, with what is held out of train moved to dev."""
        if split == "dev" and self.held_out:
            for row in self.layout.read(self.train_split):
                if isinstance(row, Utterance) and row in self.held_out:
                    yield row
        elif split == "train":
            for row in self.layout.read(self.train_split):
                if isinstance(row, BadRow) or not self.held_out or row not in self.held_out:
                    yield row
        else:
            yield from self.layout.read(split)

    def shares_sentence(self, letters: str) -> bool:
        """Whether a normalised text of train is to be left out because dev or test hold it."""
        return self.drop_sentences and bool(letters) and hash_of(letters) in self.sentences

    def shares_speaker(self, speaker: str | None) -> bool:
        """Whether a speaker of train is to be left out because dev or test have clips of theirs."""
        return self.drop_speakers and speaker is not None and speaker in self.speakers


def survey(
    layout: Layout,
    policy: TextPolicy,
    train_split: str = "train",
    shared_sentences: str = "auto",
    shared_speakers: str = "auto",
    derive_dev: bool = True,
) -> Survey:
    """Read all tables of a corpus once, dev and test first.

    `shared_sentences`, `shared_speakers`: "drop", "keep", or "auto" (drop unless that costs more
    than half of train). `derive_dev`: whether a part of train is set aside where there is no dev
    split. LasError when the corpus has no split of that name to train on.
    """
    if train_split != "train" and train_split not in layout.splits:
        raise LasError(
            f"{layout.folder}: no split {train_split!r} in this {layout.kind} corpus, "
            f"only {', '.join(layout.splits)}"
        )
    found = Survey(layout, train_split)
    if derive_dev and train_split in layout.splits and "dev" not in layout.splits:
        found.held_out = choose(layout.read(train_split))
        if found.held_out:
            found.notes.append(found.held_out.note)
    for split in ("dev", "test", "train"):
        if split not in found.splits:
            continue
        for row in found.read(split):
            found.rows[split] += 1
            if isinstance(row, BadRow):
                continue
            text = normalise(row.text, policy)
            sentence = hash_of(text)
            if split != "train":
                if text:
                    found.sentences.add(sentence)
                if row.speaker is not None:
                    found.speakers.add(row.speaker)
            else:
                found.same_sentence += sentence in found.sentences
                if policy.digits == "keep" or not has_unspelled(text):
                    found.letters.update(text)
                found.same_speaker += row.speaker is not None and row.speaker in found.speakers
    total = found.rows["train"]
    found.drop_sentences = _decide(found, shared_sentences, "sentence", found.same_sentence, total)
    by_sentence = found.held_out is not None and not found.held_out.speakers
    if by_sentence and shared_speakers == "auto":
        found.drop_speakers = False  # the note on the held-out sentences has said it
    else:
        found.drop_speakers = _decide(found, shared_speakers, "speaker", found.same_speaker, total)
    return found


def _decide(found: Survey, wish: str, what: str, shared: int, total: int) -> bool:
    drop = wish == "drop" or (wish == "auto" and shared <= total * TOO_MUCH)
    if shared and not drop:
        why = "too many to leave out; " if wish == "auto" else ""
        found.notes.append(
            f"{shared} of {total} training clips share their {what} with dev or test and stay in "
            f"train ({why}error rates on dev and test will look better than they are)"
        )
    return drop
