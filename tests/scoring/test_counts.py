"""Counts, alignments and totals: jiwer's published examples, properties, sclite-like counts."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from las_cli.errors import LasError
from las_cli.scoring import ErrorCounts, align, count_errors, letter_error_rate, score_pairs
from las_cli.scoring.alignment import counts_of

sequences = st.lists(st.sampled_from("abc"), max_size=8)


# The examples of jiwer's README, docstrings and documentation of alignments, with its figures.
JIWER_WORDS = [
    (["hello world"], ["hello duck"], ErrorCounts(1, 1, 0, 0)),
    (
        ["hello world", "i like monthy python"],
        ["hello duck", "i like python"],
        ErrorCounts(4, 1, 1, 0),
    ),
    (
        ["this is a test", "and this is a test too"],
        ["this a test", "this is test too"],
        ErrorCounts(7, 0, 3, 0),
    ),
    (
        ["short one here", "quite a bit of longer sentence"],
        ["shoe order one", "quite bit of an even longest sentence here"],
        ErrorCounts(5, 2, 2, 4),
    ),
]


@pytest.mark.parametrize(("references", "hypotheses", "counts"), JIWER_WORDS)
def test_published_examples_of_jiwer(references, hypotheses, counts) -> None:
    import jiwer

    score = score_pairs(references, hypotheses, "none")
    words = jiwer.process_words(references, hypotheses)
    letters = jiwer.process_characters(references, hypotheses)
    assert score.counts["words"] == ErrorCounts(
        words.hits, words.substitutions, words.deletions, words.insertions
    )
    assert score.counts["letters"] == ErrorCounts(
        letters.hits, letters.substitutions, letters.deletions, letters.insertions
    )
    assert score.counts["words"].rate == words.wer
    assert score.counts["letters"].rate == letters.cer
    assert score.counts["words"] == counts


sentences = st.lists(st.sampled_from(["a", "ab", "abc", "b", "ca"]), min_size=1, max_size=7)


@settings(max_examples=100, deadline=None)
@given(sentences, sentences)
def test_counts_are_those_of_jiwer(reference: list[str], hypothesis: list[str]) -> None:
    import jiwer

    one, other = " ".join(reference), " ".join(hypothesis)
    score = score_pairs([one], [other], "none")
    for ours, theirs in (
        (score.counts["words"], jiwer.process_words(one, other)),
        (score.counts["letters"], jiwer.process_characters(one, other)),
    ):
        assert ours == ErrorCounts(
            theirs.hits, theirs.substitutions, theirs.deletions, theirs.insertions
        )


@settings(max_examples=200, deadline=None)
@given(sequences, sequences)
def test_swapping_sides_swaps_insertions_and_deletions(one, other) -> None:
    forward, backward = count_errors(one, other), count_errors(other, one)
    assert forward.errors == backward.errors
    assert forward.insertions - forward.deletions == backward.deletions - backward.insertions
    assert (forward.reference, forward.hypothesis) == (len(one), len(other))


@settings(max_examples=200, deadline=None)
@given(sequences, sequences, sequences)
def test_triangle_inequality(one, two, three) -> None:
    direct = count_errors(one, three).errors
    assert direct <= count_errors(one, two).errors + count_errors(two, three).errors


@settings(max_examples=200, deadline=None)
@given(sequences, sequences)
def test_alignment_spells_both_sides_and_has_the_counts(one, other) -> None:
    columns = align(one, other)
    assert [column.reference for column in columns if column.kind != "insertion"] == one
    assert [column.hypothesis for column in columns if column.kind != "deletion"] == other
    assert counts_of(columns) == count_errors(one, other)
    for column in columns:
        assert (column.kind == "hit") == (column.reference == column.hypothesis)


texts = st.lists(st.text(alphabet="ab '.é", max_size=12), max_size=4)


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_concatenated_corpora_add_their_counts(first, second) -> None:
    def scored(corpus: list[str]):
        return score_pairs(corpus, [text[1:] for text in corpus])

    one, other, both = scored(first), scored(second), scored(first + second)
    assert list(both.counts) == ["letters", "words", "sentences"]
    for level, counts in both.counts.items():
        assert one.counts[level] + other.counts[level] == counts
        assert sum((u.counts[level] for u in both.utterances), ErrorCounts()) == counts


def test_sclite_like_counts_on_random_pairs() -> None:
    """A plain dynamic programme with sclite's costs (substitution 4, insertion, deletion 3)."""
    generator = random.Random(6)
    same = 0
    for _ in range(300):
        reference = [generator.choice("abcdefgh") for _ in range(generator.randint(0, 9))]
        hypothesis = [
            generator.choice("abcdefgh") if generator.random() < 0.2 else word
            for word in reference
            if generator.random() > 0.1
        ]
        ours = count_errors(reference, hypothesis)
        assert ours.errors == dynamic_programme(reference, hypothesis, (1, 1, 1)).errors
        sclite = dynamic_programme(reference, hypothesis, (4, 3, 3))
        # Its costs can prefer an insertion and a deletion to a substitution, never fewer errors.
        assert ours.errors <= sclite.errors
        assert ours.insertions - ours.deletions == sclite.insertions - sclite.deletions
        same += ours.errors == sclite.errors
    assert same >= 290


def dynamic_programme(reference: list, hypothesis: list, costs: tuple[int, int, int]):
    """Counts of the cheapest alignment, by the textbook."""
    substitution, deletion, insertion = costs
    rows = [[(j * insertion, ErrorCounts(insertions=j)) for j in range(len(hypothesis) + 1)]]
    for i, word in enumerate(reference, 1):
        row = [(i * deletion, ErrorCounts(deletions=i))]
        for j, other in enumerate(hypothesis, 1):
            hit = word == other
            diagonal, up, left = rows[i - 1][j - 1], rows[i - 1][j], row[j - 1]
            row.append(
                min(
                    (
                        diagonal[0] + (0 if hit else substitution),
                        diagonal[1]
                        + (ErrorCounts(hits=1) if hit else ErrorCounts(substitutions=1)),
                    ),
                    (up[0] + deletion, up[1] + ErrorCounts(deletions=1)),
                    (left[0] + insertion, left[1] + ErrorCounts(insertions=1)),
                    key=lambda cell: (cell[0], cell[1].errors),
                )
            )
        rows.append(row)
    return rows[-1][-1][1]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "rate"),
    [
        ("", "", 0, 0.0),
        ("", "oh", 2, math.inf),
        ("oh", "", 2, 1.0),
        ("...", "", 0, 0.0),  # empty once normalised
    ],
)
def test_empty_sides(reference: str, hypothesis: str, errors: int, rate: float) -> None:
    score = score_pairs([reference], [hypothesis])
    assert score.count == 1
    assert score.counts["letters"].errors == errors
    assert score.counts["letters"].rate == rate


def test_an_empty_reference_adds_its_insertions_to_the_total() -> None:
    score = score_pairs(["abcd", ""], ["abcd", "ab"])
    assert score.counts["letters"] == ErrorCounts(hits=4, insertions=2)
    assert score.counts["letters"].rate == 0.5
    assert score.mean_rates["letters"] == 0.0  # over utterances that have a reference
    assert math.isnan(score_pairs([""], ["a"]).mean_rates["letters"])


def test_totals_are_sums_and_means_are_named_apart() -> None:
    score = score_pairs(["abcdefghij", "ab"], ["abcdefghij", "xx"])
    assert score.counts["letters"].rate == pytest.approx(2 / 12)
    assert score.mean_rates["letters"] == pytest.approx(0.5)


def test_the_mean_word_rate_is_that_of_words() -> None:
    """One word of four and one of one are wrong, but one letter of seven and one of three."""
    score = score_pairs(["a b c d", "cat"], ["a b c x", "cut"])
    assert score.counts["words"] == ErrorCounts(hits=3, substitutions=2)
    assert score.mean_rates["words"] == pytest.approx((1 / 4 + 1) / 2)
    assert score.mean_rates["letters"] == pytest.approx((1 / 7 + 1 / 3) / 2)


def test_spaces_are_letters_unless_said_otherwise() -> None:
    assert score_pairs(["a b"], ["ab"]).counts["letters"] == ErrorCounts(hits=2, deletions=1)
    assert score_pairs(["a b"], ["ab"], spaces=False).counts["letters"] == ErrorCounts(hits=2)
    assert letter_error_rate(["a  b"], ["a b"], "none") == 0.0  # runs of spaces are one


def test_a_sentence_is_right_or_wrong() -> None:
    """"a b" and "ab" have the same letters without spaces, but are not the same sentence."""
    score = score_pairs(["a b", "c", ""], ["ab", "c", ""], spaces=False)
    assert score.counts["letters"].errors == 0
    assert score.counts["sentences"] == ErrorCounts(hits=2, substitutions=1)
    assert [utterance.wrong for utterance in score.utterances] == [True, False, False]


def test_unequal_lists_are_an_error_with_both_counts() -> None:
    with pytest.raises(LasError, match="2 references against 1"):
        score_pairs(["a", "b"], ["a"])
