"""The command as a whole: quick to start, one sentence for a mistake, every command answers."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from las_cli import __version__
from las_cli.cli.main import COMMANDS, LazyGroup, cli

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchaudio", "lhotse", "matplotlib", "rich.console")


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["score", "--help"], ["train", "--help"], ["nonsense"]]
)
def test_torch_stays_out(words: list[str]) -> None:
    """`las --help` and the like import nothing heavy, whatever they print."""
    script = (
        "import sys\n"
        "from las_cli.cli.main import cli\n"
        f"try: cli({words!r})\n"
        "except SystemExit: pass\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit('imported ' + ', '.join(heavy) if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output and len(result.output.splitlines()) > 5


def test_every_option_has_a_help_text() -> None:
    def options(command: click.Command, path: str) -> list[str]:
        context = click.Context(command)
        if isinstance(command, click.Group):
            inner = [command.get_command(context, name) for name in command.list_commands(context)]
            return [line for c in inner if c for line in options(c, f"{path} {c.name}")]
        return [
            f"{path} {option.opts[0]}"
            for option in command.params
            if isinstance(option, click.Option) and not option.hidden and not option.help
        ]

    silent = [
        line
        for name in COMMANDS
        if (command := cli.get_command(click.Context(cli), name))  # type: ignore[attr-defined]
        for line in options(command, name)
    ]
    # These say all there is to say by their name and default.
    plain = {
        "--units", "--punctuation", "--schedule", "--checkpoint-minutes",
        "--seed", "--precision", "--eos-threshold", "--preset", "--clip-seconds", "--device",
        "--case", "--digits", "--max-line-width", "--layers", "--dropout", "--batch-letters",
        "--learning-rate",
    }  # fmt: skip
    assert not [line for line in silent if line.split()[-1] not in plain]


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"las, version {__version__}\n"


def test_mistakes_end_in_one_line_and_debug_shows_where() -> None:
    runner = CliRunner()
    result = runner.invoke(cli, ["plot", "nowhere"])
    assert result.exit_code == 1
    assert result.output.startswith("las: nowhere") and result.output.count("\n") == 1
    assert runner.invoke(cli, ["--debug", "plot", "nowhere"]).exception is not None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["score", "--ref", "nowhere.txt", "--hyp", "nowhere.txt"], 1),  # a file that is not there
        (["score", "--model", "en"], 2),  # --data is missing: our own check
        (["score", "--nonsense"], 2),  # click's
        (["nonsense"], 2),
    ],
)
def test_wrong_usage_has_an_exit_code_of_its_own(words: list[str], code: int) -> None:
    assert CliRunner().invoke(cli, words).exit_code == code


def las(words: list[str], tmp_path: Path, redirect: str) -> subprocess.CompletedProcess[str]:
    """Runs `las WORDS REDIRECT` by a shell, beside a file `r.txt`."""
    (tmp_path / "r.txt").write_text("a b c\n")
    line = f"{shlex.join([sys.executable, '-m', 'las_cli', *words])} {redirect}"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, cwd=tmp_path, env=environment
    )


SCORE = ["score", "--ref", "r.txt", "--hyp", "r.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [SCORE, ["--help"], ["score", "--help"]])
def test_a_full_disk_under_standard_output_is_one_sentence(
    words: list[str], unbuffered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = las(words, tmp_path, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("las: standard output: cannot be written (No space left")
    assert done.stderr.count("\n") == 1
    assert "Traceback" in las(["--debug", *SCORE], tmp_path, ">/dev/full").stderr


def test_errors_of_other_files_are_not_taken_for_standard_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def broken() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: broken)
    assert isinstance(CliRunner().invoke(cli, ["score"]).exception, OSError)


@pytest.mark.skipif(os.name == "nt", reason="sh")
@pytest.mark.parametrize(
    ("words", "code"), [(SCORE, 0), (["score", "--ref", "r.txt", "--hyp", "gone"], 1)]
)
def test_standard_error_may_be_closed(words: list[str], code: int, tmp_path: Path) -> None:
    done = las(words, tmp_path, "2>&-")
    assert done.returncode == code and ("r.txt" in done.stdout) == (code == 0)


def test_module_and_command_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "las_cli", "--version"],
        capture_output=True, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert done.stdout == f"las, version {__version__}\n"
