"""The joint scorer: the weighted sum of its parts, and which letters and ends it lets through."""

from __future__ import annotations

import math

import pytest
import torch

from las_cli.decoding.joint import JointScorer
from las_cli.decoding.options import DecodingOptions
from las_cli.decoding.prefix_score import CTCPrefixScorer
from las_cli.decoding.scorers import CTCScorer, LanguageScorer, SourceScorer, SpellerScorer

EOS, A, B, C = 1, 2, 3, 4
UNITS = 5


class Table:
    """A speller or language model that says the same whatever was written; counts its letters."""

    def __init__(self, *probabilities: float) -> None:
        self.log_probs = torch.tensor(probabilities).log()

    def start(self, *_: object) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(1, 1),)

    def step(self, previous: torch.Tensor, state: tuple[torch.Tensor, ...], *_: object) -> tuple:
        said = self.log_probs.expand(*previous.shape, UNITS)
        return (said, state, None) if _ else (said, state)


SPELLER = Table(1e-9, 0.1, 0.4, 0.3, 0.2)
LM = Table(1e-9, 0.3, 0.1, 0.2, 0.4)
# CTC hears "ab" in three steps: a, a or b, b.
CTC = torch.tensor([[0.1, 1e-9, 0.8, 0.05, 0.05], [0.1, 1e-9, 0.4, 0.4, 0.1],
                    [0.1, 1e-9, 0.05, 0.8, 0.05]])  # fmt: skip


def scorer(
    speller: Table | None = SPELLER, ctc: bool = True, lm: Table | None = LM, **options: object
) -> JointScorer:
    scorers: dict[str, SourceScorer] = {}
    if speller is not None:
        scorers["attention"] = SpellerScorer(speller, None)  # type: ignore[arg-type]
    if ctc:
        scorers["ctc"] = CTCScorer(CTCPrefixScorer(CTC.log()[None], torch.tensor([3])))
    if lm is not None:
        scorers["lm"] = LanguageScorer(lm, 1)
    asked = DecodingOptions(beam=1, **options)  # type: ignore[arg-type]
    return JointScorer(scorers, asked, 1, UNITS, torch.device("cpu"))


def spelled(joint: JointScorer, *letters: int):
    """What the scorer says behind `letters`."""
    step = joint.continuations()
    for letter in letters:
        index = torch.tensor([letter])
        joint.advance(torch.zeros(1, dtype=torch.int64), index, step, joint.places)
        step = joint.continuations()
    return step


def by_ctc(*letters: int) -> float:
    """log p of exactly these letters, by torch's own CTC loss."""
    loss = torch.nn.functional.ctc_loss(
        CTC.log()[:, None], torch.tensor([letters]), torch.tensor([3]),
        torch.tensor([len(letters)]), reduction="sum",
    )  # fmt: skip
    return -float(loss)


@pytest.mark.parametrize(("ctc", "lm", "bonus"), [(0.3, 0.0, 0.0), (0.6, 0.5, 0.7), (1.0, 1.0, -1)])
def test_totals_are_the_weighted_parts(ctc: float, lm: float, bonus: float) -> None:
    joint = scorer(ctc_weight=ctc, lm_weight=lm, length_bonus=bonus)
    step = spelled(joint, A, B)
    assert joint.sources == ("attention", "ctc", "lm")
    ended = [float(said[0, EOS]) for said in step.scores]
    attention = math.log(0.4) + math.log(0.3) + math.log(0.1)  # a, b, the end
    by_lm = math.log(0.1) + math.log(0.2) + math.log(0.3)
    assert ended[0] == pytest.approx(attention, abs=1e-5)
    assert ended[1] == pytest.approx(by_ctc(A, B), abs=1e-4)
    assert ended[2] == pytest.approx(by_lm, abs=1e-5)
    total = (1 - ctc) * attention + ctc * by_ctc(A, B) + lm * by_lm
    # The end is no letter: two letters have a bonus, and a third one where one is written.
    assert float(step.total[0, EOS]) == pytest.approx(total + 2 * bonus, abs=1e-4)
    spoken, heard, read = [float(said[0, C]) for said in step.scores]
    third = (1 - ctc) * spoken + ctc * heard + lm * read
    assert float(step.total[0, C]) == pytest.approx(third + 3 * bonus, abs=1e-4)


def test_without_ctc_or_without_a_speller_the_other_counts_alone() -> None:
    step = spelled(scorer(ctc=False, lm=None, ctc_weight=0.0), A)
    attention = math.log(0.4) + math.log(0.3)
    assert float(step.total[0, B]) == pytest.approx(attention, abs=1e-5)
    step = spelled(scorer(speller=None, lm=None, search="ctc", ctc_weight=0.3), A, B)
    assert float(step.total[0, EOS]) == pytest.approx(by_ctc(A, B), abs=1e-4)


def test_letters_by_ctc_alone_multiply_to_the_whole() -> None:
    def by_letter(written: tuple[int, ...], letter: int) -> float:
        step = spelled(scorer(speller=None, lm=None, search="ctc"), *written)
        return float(step.letter[0, letter])

    letters = [by_letter((), A), by_letter((A,), B), by_letter((A, B), EOS)]
    assert sum(letters) == pytest.approx(by_ctc(A, B), abs=1e-4) and max(letters) < 0


def test_neither_the_blank_nor_what_the_sound_has_no_room_for_is_tried() -> None:
    step = spelled(scorer(ctc_weight=0.5), A, B)
    assert step.total[0, 0] == -math.inf and step.total[0, C] > -math.inf
    step = spelled(scorer(ctc_weight=0.5), A, B, C)  # three letters fill three steps
    assert (step.total[0, [0, A, B, C]] == -math.inf).all()
    step = spelled(scorer(ctc_weight=0.5), A, A)  # as a doubled letter needs a blank between
    assert (step.total[0, [0, A, B, C]] == -math.inf).all()


@pytest.mark.parametrize(("candidates", "tried"), [(1, {A}), (2, {A, B}), (3, {A, B, C})])
def test_only_the_candidates_of_the_speller_are_tried(candidates: int, tried: set[int]) -> None:
    step = scorer(lm=None, ctc_weight=0.3, candidates=candidates).continuations()
    found = (step.total[0] > -math.inf).nonzero()[:, 0].tolist()
    assert set(found) == tried | {EOS}


@pytest.mark.parametrize(
    ("threshold", "may"),
    # log 0.1 = -2.303 of the end, log 0.4 = -0.916 of the best letter: a ratio of 2.513
    [(1.0, False), (1.5, False), (2.5, False), (2.53, True)],
)
def test_the_speller_may_end_where_it_likes_an_end_nearly_as_well(
    threshold: float, may: bool
) -> None:
    step = scorer(ctc=False, lm=None, ctc_weight=0.0, eos_threshold=threshold).continuations()
    assert bool(step.may_end) is may


def test_ctc_lets_end_what_it_has_heard_to_the_end() -> None:
    joint = scorer(lm=None, ctc_weight=0.3)
    assert not bool(joint.continuations().may_end)
    assert bool(spelled(scorer(lm=None, ctc_weight=0.3), A, B).may_end)


def test_ends_are_weighed_against_each_other_only_with_ctc() -> None:
    assert scorer(ctc_weight=0.3).ends_freely
    assert not scorer(ctc=False, ctc_weight=0.0).ends_freely
