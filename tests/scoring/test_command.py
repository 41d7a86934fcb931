"""The command `las score`: files and standard input in; tables, files and errors out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from las_cli.errors import LasError

REF = "The cat sat on the mat.\nHello, world!\n\nA B C\n"
HYP = "the cat sad on mat\nhello world\n\na b d c\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ref.txt").write_text(REF, encoding="utf-8")
    Path("hyp.txt").write_text(HYP, encoding="utf-8")
    Path("new.txt").write_text(HYP.replace("sad on", "sat on the"), encoding="utf-8")
    return tmp_path


def run(*arguments: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(cli, ["score", *arguments], input=stdin, env={"COLUMNS": "120"})
    assert result.exception is None, result.output
    return result


def failed(*arguments: str, stdin: str | None = None) -> Result:
    """Through the top-level command, which turns errors into one line."""
    result = CliRunner().invoke(cli, ["score", *arguments], input=stdin)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result


def test_two_files_give_the_table(folder: Path) -> None:
    output = run("--ref", "ref.txt", "--hyp", "hyp.txt").output
    assert "letters (LER)" in output and "normalisation: basic · 4 utterances" in output
    assert "spaces counted as letters" in output


def test_hypotheses_from_standard_input(folder: Path) -> None:
    from_file = run("--ref", "ref.txt", "--hyp", "hyp.txt").output
    for arguments in (("--ref", "ref.txt"), ("--ref", "ref.txt", "--hyp", "-")):
        output = run(*arguments, stdin=HYP).output
        assert output.replace("standard input", "hyp.txt").split() == from_file.split()
    assert "hyp.txt (lines) against ref.txt (lines)" in from_file


def test_json_on_standard_output_is_nothing_else(folder: Path) -> None:
    document = json.loads(run("--ref", "ref.txt", "--hyp", "hyp.txt", "--json", "-").output)
    words = document["systems"][0]["words"]
    assert (words["errors"], words["reference"]) == (3, 11)


@pytest.mark.parametrize(
    ("arguments", "errors"),
    [
        ((), 3),
        (("--normalise", "none"), 10),
        (("--normalize", "basic"), 3),
    ],
)
def test_normalisation_is_chosen_and_named(folder: Path, arguments: tuple, errors: int) -> None:
    output = run("--ref", "ref.txt", "--hyp", "hyp.txt", "--json", "-", *arguments).output
    document = json.loads(output)
    assert document["systems"][0]["words"]["errors"] == errors
    assert document["normalisation"] == (arguments[-1] if arguments else "basic")


def test_every_file_is_written(folder: Path) -> None:
    kinds = ("pra", "dtl", "json", "csv", "html")
    paths = [item for kind in kinds for item in (f"--{kind}", f"out.{kind}")]
    run("--ref", "ref.txt", "--hyp", "hyp.txt", "--align", "--full", *paths)
    for kind in kinds:
        assert Path(f"out.{kind}").read_text(encoding="utf-8").strip()
    assert not list(folder.glob(".las.*"))


def test_two_systems_are_compared(folder: Path) -> None:
    output = run("--ref", "ref.txt", "--hyp", "hyp.txt", "--hyp", "new.txt").output
    assert "new.txt against hyp.txt" in output and "P(better)" in output


def test_rates_by_a_column_of_the_reference_table(folder: Path) -> None:
    Path("r.tsv").write_text("path\tsentence\taccent\nb\tyes\tus\na\tno\t\n", encoding="utf-8")
    Path("h.tsv").write_text("path\tsentence\na\tno\nb\tyes\n", encoding="utf-8")
    output = run("--ref", "r.tsv", "--hyp", "h.tsv", "--by", "accent", "--draw", "accent").output
    assert "by accent" in output and "(none)" in output
    assert "bootstrap over accent (2)" in output


def test_partial_says_what_it_left_out(folder: Path) -> None:
    Path("r.trn").write_text("yes (u1)\nno (u2)\n", encoding="utf-8")
    Path("h.trn").write_text("yes (u1)\n", encoding="utf-8")
    assert "u2" in failed("--ref", "r.trn", "--hyp", "h.trn").output
    output = run("--ref", "r.trn", "--hyp", "h.trn", "--partial").output
    assert "partial: 1 of r.trn left out, not in h.trn: u2" in output


# arguments, exit code, what the error says
ERRORS = [
    (["--hyp", "hyp.txt"], 2, "--ref is missing"),
    (["--ref", "-", "--hyp", "-"], 2, "can be read only once"),
    (["--ref", "-", "--hyp", "hyp.txt", "--hyp", "new.txt"], 2, "can be read only once"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--manifest", "m.tsv"], 2, "--manifest is of no use"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--worst", "-1"], 2, "Invalid value for '--worst'"),
    (["--model", "en"], 2, "--model and --data belong together"),
    (["--model", "en", "--data", ".", "--ref", "ref.txt"], 2, "leave --ref and --hyp out"),
    (["--ref", "ref.txt", "--hyp", "nope.txt"], 1, "las: nope.txt: no such file"),
    (["--ref", "ref.txt", "--hyp", "short.txt"], 1, "ref.txt has 4 lines, short.txt has 1"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--by", "accent"], 1, "no column 'accent'"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--normalise", "x"], 1, "normalisation 'x'"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--csv", "no/x"], 1, "no/x: cannot be written"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--html", "ref.txt/x"], 1, "Not a directory"),
    (["--model", "en", "--data", ".", "--json", "no/x"], 1, "no/x: cannot be written"),
    (["--ref", "ref.txt", "--hyp", "hyp.txt", "--seed", "-1"], 2, "Invalid value for '--seed'"),
    (["--ref", "ref.txt", "--ref-column", "text"], 2, "--ref-column: ref.txt was read as lines"),
    (
        ["--ref", "ref.txt", "--hyp", "hyp.txt", "--id-column", "id"],
        2,
        "--id-column: neither ref.txt (lines) nor hyp.txt (lines) has columns",
    ),
    (
        ["--ref", "ref.txt", "--hyp", "hyp.txt", "--beam", "999", "--split", "nosuch"],
        2,
        "without --model nothing is decoded: --split, --beam would be of no use",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS)
def test_errors_are_one_sentence(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    Path("short.txt").write_text("one\n", encoding="utf-8")
    result = failed(*arguments, stdin="")
    assert result.exit_code == code
    assert message in result.output
    if not message.startswith("Invalid"):
        assert len(result.output.strip().splitlines()) == 1


def test_columns_of_one_table(folder: Path) -> None:
    Path("x.csv").write_text("id,text,pred\n1,the cat sat,the cat sad\n2,a,a\n", encoding="utf-8")
    columns = ("--ref-column", "text", "--hyp-column", "pred", "--id-column", "id")
    output = run("--ref", "x.csv", "--hyp", "x.csv", *columns).output
    assert "x.csv (csv) against x.csv (csv)" in output and "25.00 %" in output


def test_neither_table_nor_file_takes_the_other_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("--csv", "out.csv", "--json", "out.json")
    arguments = ("--ref", "ref.txt", "--hyp", "hyp.txt", *files)

    def full(*_: object) -> None:
        raise LasError("out.json: cannot be written (No space left on device)")

    with monkeypatch.context() as patched:
        patched.setattr("las_cli.scoring.outputs.write_outputs", full)
        result = failed(*arguments)
    assert "letters (LER)" in result.output and "No space left" in result.output
    assert Path("out.csv").is_file()
    Path("out.csv").unlink()

    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("las_cli.scoring.terminal.print_reports", closed)
    assert CliRunner().invoke(cli, ["score", *arguments]).exit_code == 1
    assert Path("out.csv").is_file() and Path("out.json").is_file()


def test_nothing_is_written_when_the_scoring_fails(folder: Path) -> None:
    Path("short.txt").write_text("one\n", encoding="utf-8")
    failed("--ref", "ref.txt", "--hyp", "short.txt", "--csv", "out.csv", "--html", "out.html")
    assert not list(folder.glob("out.*"))


def test_text_is_utf8_in_any_locale_and_torch_stays_out(folder: Path) -> None:
    Path("ref.txt").write_text("Ŵy ŷd 日本\n", encoding="utf-8")
    Path("hyp.txt").write_text("ŵy yd 日本\n", encoding="utf-8")
    code = (
        "import sys; from las_cli.cli.main import main\n"
        "sys.argv = ['las', 'score', '--ref', 'ref.txt', '--hyp', 'hyp.txt', '--full', '--align',"
        " '--html', 'p.html']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'lhotse', 'matplotlib', 'jiwer'} & set(sys.modules)\n"
    )
    environment = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "ŷd" in done.stdout.decode("utf-8")


def test_decode_and_score_in_one_go(folder: Path) -> None:
    """A tiny random model on a corpus of tones: the rate is awful, the road is whole."""
    from las_cli.saved_model.folder import save_model
    from las_cli.text import TextPolicy
    from tests.corpus.corpora import common_voice
    from tests.decoding.conftest import ALPHABET, tiny_model

    save_model(Path("model"), tiny_model(), ALPHABET, TextPolicy())
    rows = [("ann", "a1", "a bad cab"), ("ann", "a2", "a bag"), ("bob", "b1", "dig")]
    common_voice(Path("cv"), {"train": rows, "dev": rows, "test": rows})
    options = ("--search", "greedy", "--threads", "1", "--by", "speaker", "--json", "out.json")
    run("--model", "model", "--data", "cv", "--split", "test", *options)
    (system,) = json.loads(Path("out.json").read_text(encoding="utf-8"))["systems"]
    assert system["name"] == "model on test of cv"
    assert system["letters"]["reference"] == len("a bad cab" + "a bag" + "dig")
    assert [group["label"] for group in system["groups"]["speaker"]] == ["ann", "bob"]
    assert not system["notes"]

    next(Path("cv").rglob("b1.*")).unlink()  # a clip that is not there is no success
    arguments = ("--model", "model", "--data", "cv", "--search", "greedy", "--threads", "1")
    result = CliRunner().invoke(cli, ["score", *arguments])
    assert result.exit_code == 1
    assert "1 clips could not be read and are not scored" in result.stdout
