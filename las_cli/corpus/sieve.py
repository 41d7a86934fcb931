"""Utterances with what their files hold in, a reason to leave them out or none, out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from las_cli.corpus.checks import (
    RARE_SHARE,
    Limits,
    Verdict,
    declared_verdict,
    length_verdict,
    text_verdict,
)
from las_cli.corpus.headers import AudioHeader
from las_cli.corpus.held_out import hash_of
from las_cli.corpus.inspection import Finding
from las_cli.corpus.shards import SHARD_SIZE
from las_cli.corpus.survey import Survey
from las_cli.corpus.utterance import Utterance, free_id
from las_cli.text.normalise import TextPolicy, normalise


@dataclass(frozen=True)
class PrepareOptions:
    """How `las prepare` works; the defaults suit Common Voice."""

    policy: TextPolicy = field(default_factory=TextPolicy)  # text rules, for checks only
    limits: Limits = field(default_factory=Limits)  # lengths of training clips
    train_split: str = "train"  # the corpus' own split to train on, e.g. validated
    shared_sentences: str = "auto"  # "drop", "keep", "auto": drop unless half of train goes
    shared_speakers: str = "auto"  # the same
    alphabet: str | None = None  # letters allowed; None: all that train holds
    rare_share: float = RARE_SHARE  # letters rarer than this in train are outside the alphabet
    check_audio: bool = False  # decode every clip
    jobs: int | None = None  # processes; None: one a core, at most 8
    shards: bool = False  # write lhotse Shar too
    shard_size: int = SHARD_SIZE  # clips a shard


class Sieve:
    """Remembers what it has seen, so test and dev must come before train."""

    def __init__(self, found: Survey, options: PrepareOptions) -> None:
        self._survey, self._options = found, options
        self._outside = _outside(found, options)
        self._seen: dict[int, str] = {}  # hash of a piece of sound → split
        self._ids: set[int] = set()
        self._sounds: dict[tuple[int, int], str] = {}  # digest and length → where

    def verdict(
        self,
        split: str,
        row: Utterance,
        finding: Finding,
        seconds: float,
        letters: str,
    ) -> Verdict | None:
        """Why a clip is left out; None for one that is kept."""
        options, found = self._options, self._survey
        place = hash_of(repr(row.piece))
        if place in self._seen:
            return "duplicate", f"listed before, in {self._seen[place]}"
        self._seen[place] = split
        if finding.fault:
            return finding.fault.reason, finding.fault.detail
        if finding.header is None or seconds <= 0:
            return "zero length", "no sound in the piece that the corpus names"
        if row.record is None or row.header is None:
            verdict = declared_verdict(row.declared_seconds, seconds)
        else:
            verdict = _record_verdict(row, finding.header)
        if verdict:
            return verdict
        if finding.digest is not None:
            sound = (finding.digest, finding.header.frames)
            if sound in self._sounds:
                return "duplicate", f"the same sound as {self._sounds[sound]}"
            self._sounds[sound] = row.where
        # Letters that only dev or test hold are no reason to make these easier than they are.
        verdict = text_verdict(
            letters, options.policy.digits, self._outside if split == "train" else None
        )
        if verdict or split != "train":
            return verdict
        verdict = length_verdict(seconds, letters, options.limits)
        if verdict:
            return verdict
        if found.shares_sentence(letters):
            return "sentence shared", letters[:80]
        if found.shares_speaker(row.speaker):
            return "speaker shared", row.speaker or ""
        return None

    def named(self, row: Utterance) -> Utterance:
        """The utterance with an id that no kept one has."""
        id = free_id(row, lambda id: hash_of(id) in self._ids)
        if id != row.id:
            row = replace(row, id=id)
            if row.record is not None:
                row = replace(row, record={**row.record, "id": row.id})
        self._ids.add(hash_of(row.id))
        return row


def seconds_of(row: Utterance, header: AudioHeader | None) -> float:
    """Length of the utterance: of its piece of the file; declared where there is no file."""
    if row.record is not None and row.seconds is not None:
        return row.seconds
    if header is None:
        return row.declared_seconds or row.seconds or 0.0
    rest = max(header.seconds - row.start, 0.0)
    return rest if row.seconds is None else min(rest, row.seconds)


def _record_verdict(row: Utterance, header: AudioHeader) -> Verdict | None:
    """Whether the file is still what the manifest says, as far as lhotse insists on it."""
    told = row.header
    if told is None or (row.record or {}).get("recording", {}).get("transforms"):
        return None  # rate and length are meant after the transform
    if told.sampling_rate != header.sampling_rate:
        return (
            "unreadable",
            f"{header.sampling_rate} Hz where the manifest says {told.sampling_rate} Hz",
        )
    if header.seconds < told.seconds - 0.5:
        return "truncated", f"{header.seconds:.2f} s, the manifest says {told.seconds:.2f} s"
    return None


def _outside(found: Survey, options: PrepareOptions) -> frozenset[str]:
    """Letters of train that clips must not hold."""
    if options.alphabet is not None:
        allowed = set(normalise(options.alphabet, options.policy)) | set(options.alphabet) | {" "}
        return frozenset(set(found.letters) - allowed)
    least = options.rare_share * found.letters.total()
    return frozenset(letter for letter, count in found.letters.items() if count < least)
