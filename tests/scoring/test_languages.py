"""Turkish and Azeri: I is the capital of ı."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from las_cli.cli.main import cli
from las_cli.scoring.languages import language_of
from las_cli.scoring.listings import open_listing
from las_cli.scoring.normalisers import find_normaliser

EN = "I am in Iowa with Işık today. " + "I am in Iowa. " * 60


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.txt", "IŞIK AÇIK\nışık açık\n", "tr"),
        ("a.txt", "KIRMIZI\nİZMİR\n", "tr"),
        ("a.txt", EN, ""),  # one name among many words
        ("a.txt", "I am\n", ""),
        ("a.tsv", "path\tsentence\tlocale\na\tIrmak\taz\nb\tIrmak\taz\n", "az"),
        ("a.tsv", "path\tsentence\tlocale\na\tIrmak ı\tkmr\n", ""),
        ("a.csv", "path;sentence;locale\na;Irmak;tr-TR\n", "tr"),
    ],
)
def test_of_a_listing(tmp_path: Path, name: str, text: str, language: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert language_of([open_listing(str(tmp_path / name))]) == language


@pytest.mark.parametrize(
    ("normaliser", "language", "text", "made"),
    [
        ("basic", "tr", "IŞIK, İzmir!", "ışık izmir"),
        ("basic", "en", "IŞIK, İzmir!", "işik izmir"),
        ("basic", "az-AZ", "Irmaq", "ırmaq"),
        ("none", "tr", "Irmak", "Irmak"),
    ],
)
def test_normalised(normaliser: str, language: str, text: str, made: str) -> None:
    assert find_normaliser(normaliser, language).apply(text) == made


def test_rules_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("lower\nbasic\n", encoding="utf-8")
    assert find_normaliser(str(tmp_path / "rules"), "tr").apply("IRMAK İL") == "ırmak il"
    (tmp_path / "rules").write_text("upper\n", encoding="utf-8")
    assert find_normaliser(str(tmp_path / "rules"), "tr").apply("ırmak il") == "IRMAK İL"


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [((), "0.00"), (("--language", "en"), "100.00"), (("--language", "tr"), "0.00")],
)
def test_the_command(tmp_path: Path, arguments: tuple[str, ...], rate: str) -> None:
    (tmp_path / "ref").write_text("IŞIK AÇIK\n", encoding="utf-8")
    (tmp_path / "hyp").write_text("ışık açık\n", encoding="utf-8")
    words = ["score", "--ref", str(tmp_path / "ref"), "--hyp", str(tmp_path / "hyp"), *arguments]
    output = CliRunner().invoke(cli, [*words, "--resamples", "0"]).output
    assert f"(WER) {rate}" in " ".join(output.split())
