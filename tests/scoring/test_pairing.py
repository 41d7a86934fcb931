"""Pairs: by line, by id, by time; what does not fit is an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.scoring.listings import open_listing
from las_cli.scoring.pairing import Pairing


def pairing(folder: Path, reference: str, hypothesis: str, **given) -> Pairing:
    """Pairs of two files; the first word of each argument is the file's name."""
    listings = []
    for content in (reference, hypothesis):
        name, _, text = content.partition(" ")
        (folder / name).write_text(text, encoding="utf-8")
        listings.append(open_listing(str(folder / name)))
    return Pairing(*listings, **given)


def texts(pairs: Pairing) -> list[tuple[str, str, str]]:
    return [(pair.id, pair.reference, pair.hypothesis) for pair in pairs]


def test_lines_belong_together_in_order_and_blank_ones_count(tmp_path: Path) -> None:
    pairs = pairing(tmp_path, "r.txt a\n\nc\n", "h.txt \nb\nc")
    assert texts(pairs) == [("", "a", ""), ("", "", "b"), ("", "c", "c")]


def test_with_ids_order_and_format_do_not_matter(tmp_path: Path) -> None:
    pairs = pairing(tmp_path, "r.trn a b (u-1)\nc (u-2)\n", "text u-2 c\nu-1 a\n")
    assert texts(pairs) == [("u-1", "a b", "a"), ("u-2", "c", "c")]


# reference, hypothesis, what the error says
MISMATCHES = [
    ("r.txt a\nb\nc\n", "h.txt a\n", "r.txt has 3 lines, .*h.txt has 1"),
    ("r.txt a\n", "h.txt a\nb\n\n", "r.txt has 1 lines, .*h.txt has 3"),
    ("r.txt a\n", "h.txt ", "r.txt has 1 lines, .*h.txt has 0"),
    ("r.txt ", "h.txt ", "r.txt and .*h.txt are both empty"),
    ("r.trn a (u1)\nb (u2)\n", "h.trn a (u1)\n", "h.trn lacks 1 of the utterances of .*: u2;"),
    ("r.trn a (u1)\n", "h.trn a (u1)\nb (u2)\n", "r.trn lacks 1 of the utterances of .*: u2;"),
    ("r.trn a (u1)\n", "h.trn ", "h.trn lacks 1 of the utterances of .*: u1;"),
    ("r.trn a (u1)\nb (u1)\n", "h.trn a (u1)\n", "r.trn, line 2: utterance 'u1' is there twice"),
    ("r.trn a (u1)\n", "h.trn a (u1)\nb (u1)\n", "h.trn, line 2: utterance 'u1' is there twice"),
    ("r.trn a (u1)\n", "h.txt a\n", r"r.trn has ids \(read as trn\), .*h.txt has none \(read as l"),
    ('r.jsonl {"id": "u", "ref": "a"}\n{"ref": "b"}\n', "h.trn a (u)\n", "without an id"),
    ("r.stm a 1 s 0 1 x\n", "h.ctm b 1 0 1 x\n", "recording 'b', channel '1', is not in .*r.stm"),
]


@pytest.mark.parametrize(("reference", "hypothesis", "message"), MISMATCHES)
def test_what_does_not_fit_is_named(
    tmp_path: Path, reference: str, hypothesis: str, message: str
) -> None:
    with pytest.raises(LasError, match=message):
        list(pairing(tmp_path, reference, hypothesis))


def test_partial_scores_what_is_there_and_says_so(tmp_path: Path) -> None:
    pairs = pairing(tmp_path, "r.trn a (u1)\nb (u2)\n", "h.trn c (u3)\nb (u2)\n", partial=True)
    assert texts(pairs) == [("u2", "b", "b")]
    assert len(pairs.notes) == 2
    assert "1 of" in pairs.notes[0] and "u1" in pairs.notes[0]
    assert "u3" in pairs.notes[1]


def test_partial_does_not_excuse_unequal_lines_or_nothing_in_common(tmp_path: Path) -> None:
    with pytest.raises(LasError, match="2 lines"):
        list(pairing(tmp_path, "r.txt a\nb\n", "h.txt a\n", partial=True))
    with pytest.raises(LasError, match="no id in common: u1 against u2"):
        list(pairing(tmp_path, "r.trn a (u1)\n", "h.trn a (u2)\n", partial=True))


def test_ctm_words_go_to_the_stm_segment_of_their_middle(tmp_path: Path) -> None:
    reference = (
        "r.stm r 1 ann 0 2 <o> one two\nr 1 bob 2 4 three\n"
        "r 1 bob 4 5 IGNORE_TIME_SEGMENT_IN_SCORING\nr 2 ann 0 2 yes\n"
    )
    hypothesis = (
        "h.ctm r 1 1.5 0.4 two\nr 1 0.2 0.3 one\nr 1 1.9 0.4 three\n"
        "r 1 4.2 0.2 noise\nr 1 9.0 0.2 late\nr 2 0.5 0.1 yes\n"
    )
    pairs = texts(pairing(tmp_path, reference, hypothesis))
    assert [(reference, hypothesis) for _, reference, hypothesis in pairs] == [
        ("one two", "one two"),
        ("three", "three"),
        ("yes", "yes"),
    ]
    assert len({id for id, _, _ in pairs}) == 3


def test_words_between_segments_are_insertions_of_the_nearest(tmp_path: Path) -> None:
    pairs = pairing(
        tmp_path, "r.stm r 1 a 0 1 one\nr 1 a 9 10 two\n", "h.ctm r 1 2 0.2 hm\nr 1 8 0.2 two\n"
    )
    assert [hypothesis for _, _, hypothesis in texts(pairs)] == ["hm", "two"]


def test_stm_against_stm_by_segment_and_against_ids_by_recording(tmp_path: Path) -> None:
    stm = "r.stm r 1 a 0 1 one\nr 1 a 1 2 two\n"
    assert len(texts(pairing(tmp_path, stm, stm.replace("r.stm", "h.stm")))) == 2
    assert texts(pairing(tmp_path, stm, "h.trn one too (r)\n")) == [("r", "one two", "one too")]


def test_ids_that_name_files_match_by_file_name(tmp_path: Path) -> None:
    pairs = pairing(tmp_path, "r.trn a (u1.mp3)\nb (u2)\n", "h.trn a (x/u1.wav)\nb (x/u2.mp3)\n")
    assert [pair[1:] for pair in texts(pairs)] == [("a", "a"), ("b", "b")]
    assert pairs.notes == ["2 ids matched by file name (folder, suffix aside)"]


@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [
        ("r.trn a (s.1)\nb (s.2)\n", "h.trn a (s.1)\n"),  # no audio suffix: other utterances
        ("r.trn a (u)\n", "h.trn a (x/u)\nb (y/u)\n"),  # two files of that name
        ("r.trn a (u)\nb (y/u)\n", "h.trn a (u)\n"),  # taken already
    ],
)
def test_doubtful_file_names_do_not_match(tmp_path: Path, reference: str, hypothesis: str) -> None:
    with pytest.raises(LasError, match="lacks"):
        list(pairing(tmp_path, reference, hypothesis))


def test_of_two_files_of_one_name_neither_is_taken(tmp_path: Path) -> None:
    pairs = pairing(
        tmp_path, "r.trn a (u)\nb (v)\n", "h.trn a (x/u)\nc (y/u)\nb (z/v)\n", partial=True
    )
    assert texts(pairs) == [("v", "b", "b")]
    assert pairs.without_hypothesis == ["u"] and pairs.without_reference == ["x/u", "y/u"]


def test_of_what_is_open_the_best_reading_counts(tmp_path: Path) -> None:
    pairs = pairing(
        tmp_path,
        "r.trn { i've / i have } seen (uh) it (u1)\n",
        "h.trn i have (um) seen it (u1)\n",
    )
    (pair,) = pairs
    assert pair.settled(str) == ("i have seen it", "i have seen it")


def test_open_words_of_an_stm_by_segment_and_by_recording(tmp_path: Path) -> None:
    stm = (
        "r.stm r A s 0.0 3.0 <o> (%hesitation) good { bye / night }\n"
        "r A s 3 4 ignore_time_segment_in_scoring\n"
    )
    for hypothesis in ("h.ctm r A 1 0.4 good\nr A 2 0.4 night\n", "h.trn good night (r)\n"):
        (pair,) = pairing(tmp_path, stm, hypothesis)
        assert pair.settled(str) == ("good night", "good night")


def test_ids_of_a_mac_are_the_same_as_typed(tmp_path: Path) -> None:
    pairs = pairing(
        tmp_path,
        "r.tsv path\tsentence\ncaf\xe9.mp3\ta\nb.mp3\tb\n",
        "h.csv file_name;text\nb.mp3;b\ncafe\u0301.mp3;a\n",
    )
    assert texts(pairs) == [("caf\xe9.mp3", "a", "a"), ("b.mp3", "b", "b")]


CUES = "1\n00:00:00,000 --> 00:00:02,000\na b\n\n2\n00:00:02,000 --> 00:00:04,000\nc d\n"


@pytest.mark.parametrize(
    "hypothesis",
    [
        "h.vtt WEBVTT\n\n00:00.000 --> 00:04.000\na b c d\n",
        "h.srt " + CUES.replace("a b\n\n", "a\n").replace("c d", "b c d"),
        "h.txt a\nb c\nd\n",
        "h.tsv start\tend\ttext\n0\t900\ta\n900\t4000\tb c d\n",
        'h.json {"source": "x.wav", "text": "a b c d", "segments": []}\n',
        "h.ctm x 1 0 1 a\nx 1 1 1 b\nx 1 2 1 c\nx 1 3 1 d\n",
    ],
)
def test_subtitles_are_one_text(tmp_path: Path, hypothesis: str) -> None:
    assert texts(pairing(tmp_path, f"r.srt {CUES}", hypothesis)) == [("", "a b c d", "a b c d")]


def test_subtitles_are_of_one_recording(tmp_path: Path) -> None:
    with pytest.raises(LasError, match="holds 2 utterances with ids, subtitles are of one"):
        list(pairing(tmp_path, f"r.srt {CUES}", "h.trn a b (u1)\nc d (u2)\n"))


def test_columns_of_any_table_are_facts(tmp_path: Path) -> None:
    from las_cli.scoring.manifest import Manifest
    from las_cli.scoring.pairing import Pair

    for name, data in (
        ("m.tsv", b"path\taccent\na.wav\tnorth\n"),
        ("m.csv", "path;accent\r\na.wav;north\r\n".encode("utf-16")),
        ("m.jsonl", b'{"file_name": "a.wav", "accent": "north"}\n'),
    ):
        (tmp_path / name).write_bytes(data)
        manifest = Manifest(str(tmp_path / name), ["accent"])
        assert manifest.facts(Pair("a.wav", "", ""), 0) == {"accent": "north"}
