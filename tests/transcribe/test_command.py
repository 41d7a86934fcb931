"""`las transcribe`: inputs, outputs, pipes, broken files, interrupted runs, wrong usage."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from las_cli.cli.transcribe import chosen_formats
from las_cli.ledger import LEDGER
from las_cli.transcribe.doubt import Support

Writer = Callable[..., Path]
Run = Callable[..., Result]


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `las transcribe ARGUMENTS` with the tiny model in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name in ("VOICED", "UNVOICED"):  # a model of random weights is sure of nothing
        monkeypatch.setattr(f"las_cli.transcribe.doubt.{name}", Support(0.0, -math.inf))

    def invoke(*arguments: str, data: bytes | None = None, code: int = 0) -> Result:
        options = ["--model", str(tiny_model), "--device", "cpu", "--search", "ctc", "--beam", "1"]
        options.append("--plain")  # it has no written form
        result = CliRunner().invoke(cli, ["transcribe", *options, *arguments], input=data)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture
def tree(tmp_path: Path, write_noise: Writer) -> Path:
    for seed, name in enumerate(("a.wav", "b.flac", "sub/a.wav", "sub/deep/c.ogg")):
        write_noise(tmp_path / "in" / name, 0.5 + seed / 10, seed=seed)
    return tmp_path


def produced(folder: Path) -> list[str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != LEDGER)
    return sorted(p.relative_to(folder).as_posix() for p in files)


def test_one_file_gives_its_words_alone(run: Run, tree: Path) -> None:
    result = run("in/a.wav")
    assert result.stdout.strip() and result.stderr == ""
    assert result.stdout.endswith("\n") and len(result.stdout.splitlines()) == 1


def test_several_give_a_line_each_in_order_also_where_one_fails(run: Run, tree: Path) -> None:
    alone = [run(f"in/{name}").stdout.strip() for name in ("a.wav", "b.flac")]
    result = run("in/a.wav", "gone.wav", "in/b.flac", code=1)
    assert result.stdout.split("\n") == [alone[0], "", alone[1], ""]
    assert "las: gone.wav: there is no such file" in result.stderr
    assert run("in/a.wav", "gone.wav", "in/b.flac", "--quiet", code=1).stderr.count("\n") == 1


def test_folders_keep_their_structure(run: Run, tree: Path) -> None:
    result = run("in", "--output-dir", "out", "--format", "all")
    assert result.stdout == ""
    names = ["a", "b", "sub/a", "sub/deep/c"]
    kinds = ["ctm", "html", "json", "srt", "tsv", "txt", "vtt"]
    assert produced(tree / "out") == sorted(f"{name}.{kind}" for name in names for kind in kinds)
    record = json.loads((tree / "out/sub/a.json").read_text())
    assert record["source"] == "in/sub/a.wav" and record["duration"] == 0.7
    assert record["text"] == (tree / "out/sub/a.txt").read_text().strip()
    assert produced(tree / "in") == ["a.wav", "b.flac", "sub/a.wav", "sub/deep/c.ogg"]
    run("in", "--no-recursive", "-o", "flat")
    assert produced(tree / "flat") == ["a.txt", "b.txt"]


def test_two_inputs_of_one_name_never_share_an_output(run: Run, tree: Path) -> None:
    run("in/a.wav", "in/sub/a.wav", "-o", "out")
    texts = {(tree / "out" / name).read_text() for name in produced(tree / "out")}
    assert len(produced(tree / "out")) == len(texts) == 2


def test_a_run_goes_on_where_it_was_interrupted(run: Run, tree: Path) -> None:
    run("in/a.wav", "in/b.flac", "-o", "out", "-f", "txt,json")
    (tree / "out" / "b.json").unlink()
    (tree / "out" / "a.txt").write_text("kept\n")
    result = run("in/a.wav", "in/b.flac", "-o", "out", "-f", "txt,json", "--skip-done")
    assert (tree / "out" / "a.txt").read_text() == "kept\n"
    assert (tree / "out" / "b.json").exists()
    assert "there already" in result.stderr
    run("in/a.wav", "in/b.flac", "-o", "out", "-f", "txt,json", "--skip-done")


def test_a_file_of_somebody_else_stays(run: Run, tree: Path) -> None:
    notes = tree / "out" / "a.txt"
    notes.parent.mkdir()
    notes.write_text("my own notes\n")
    result = run("in/a.wav", "in/b.flac", "-o", "out", code=1)
    assert notes.read_text() == "my own notes\n" and (tree / "out" / "b.txt").is_file()
    assert "out/a.txt: is there already and not as las wrote it" in result.stderr
    run("in/b.flac", "-o", "out")  # its own file it replaces
    (tree / "out" / "b.txt").write_text("corrected by hand\n")
    run("in/b.flac", "-o", "out", code=1)
    run("in/a.wav", "in/b.flac", "-o", "out", "--overwrite")
    assert "notes" not in notes.read_text()
    run("in/a.wav", "in/b.flac", "-o", "out")


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from las_cli.transcribe.workers import Recipe

    def load(self: Recipe) -> None:
        raise AssertionError("nothing is to be recognised")

    monkeypatch.setattr(Recipe, "load", load)
    (tree / "out").mkdir()
    (tree / "out" / "file").touch()
    result = run("in/a.wav", "-o", "out/file/below", code=1)
    assert "out/file/below: cannot be written" in result.stderr
    (tree / "out" / "a.txt").mkdir()
    result = run("in/a.wav", "-o", "out", code=1)
    assert "out/a.txt: a folder has that name" in result.stderr

    def touch(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", touch)
    result = run("in/b.flac", "-o", "new", code=1)
    assert result.stderr.startswith("las: new: cannot be written (Read-only file system)")


def test_json_of_several_is_a_line_each(run: Run, tree: Path) -> None:
    lines = run("in/a.wav", "in/b.flac", "--format", "json", "--nbest", "1").stdout.splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["in/a.wav", "in/b.flac"]
    assert json.loads(run("in/a.wav", "-f", "json").stdout)["model"] == "tiny"


def test_a_page_has_the_recording_and_other_readings(run: Run, tree: Path) -> None:
    options = ("--search", "beam", "--beam", "3")
    run("in/sub/a.wav", "-f", "html,json", "-o", "out", *options)
    assert produced(tree / "out") == ["a.html", "a.json"]
    page = (tree / "out/a.html").read_text("utf-8")
    assert '"kind":"embedded"' in page
    # No more than the beam holds; as many as are asked for.
    readings = json.loads((tree / "out/a.json").read_text())["segments"][0]["alternatives"]
    assert len(readings) == 3
    run("in/sub/a.wav", "-f", "html", "-o", "one", "--nbest", "1", "--embed", "0", *options)
    page = (tree / "one/a.html").read_text("utf-8")
    assert '"alternatives":[]' in page and '"url":"../in/sub/a.wav"' in page
    assert run("in/a.wav", "-f", "html").stdout.startswith("<!doctype html>")  # one reading: CTC
    refusal = run("in/a.wav", "in/b.flac", "-f", "html", code=2).stderr
    assert "--format html: of several recordings it needs --output" in refusal
    assert '"kind":"none"' in run("-", "-f", "html", data=(tree / "in/a.wav").read_bytes()).stdout


def test_ctm_of_several_tells_them_apart(run: Run, tree: Path) -> None:
    lines = run("in/a.wav", "in/sub/a.wav", "in/b.flac", "--format", "ctm").stdout.splitlines()
    first = f"{tree.name}/in/a.wav"
    assert list(dict.fromkeys(line.split()[0] for line in lines)) == [first, "in/sub/a.wav", "b"]
    assert run("in/sub/a.wav", "--format", "ctm").stdout.startswith("a 1 ")


def test_words_have_times(run: Run, tree: Path) -> None:
    rows = [line.split("\t") for line in run("in/a.wav", "--words").stdout.splitlines()]
    assert rows and all(0 <= float(start) <= float(end) <= 0.6 for start, end, _ in rows)
    assert "-->" in run("in/a.wav", "--format", "srt").stdout


def test_standard_input(run: Run, tree: Path) -> None:
    expected = run("in/a.wav").stdout
    assert run("-", data=(tree / "in/a.wav").read_bytes()).stdout == expected
    samples, _ = soundfile.read(tree / "in/a.wav", dtype="int16")
    assert run("-", "--raw-rate", "16000", data=samples.tobytes()).stdout == expected
    assert "standard input: the file is empty" in run("-", data=b"", code=1).stderr
    run("-", "-o", "out", data=(tree / "in/a.wav").read_bytes())
    assert produced(tree / "out") == ["stdin.txt"]


def test_a_list_of_files(run: Run, tree: Path) -> None:
    (tree / "list.txt").write_text("in/a.wav\nin/b.flac\n")
    assert run("--from-file", "list.txt").stdout == run("in/a.wav", "in/b.flac").stdout
    assert "no such list" in run("--from-file", "gone.txt", "in/a.wav", code=1).stderr


def test_a_folder_with_ten_kinds_of_broken_files(
    run: Run, tree: Path, write_noise: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # without ffmpeg, which may know more formats
    bad = tree / "in" / "bad"
    bad.mkdir()
    whole = write_noise(tree / "whole.wav", 1.0).read_bytes()
    (bad / "01-empty.wav").write_bytes(b"")
    (bad / "02-text.wav").write_text("no sound at all\n" * 20)
    (bad / "03-header.wav").write_bytes(whole[:20])
    (bad / "04-noise.mp3").write_bytes(bytes(range(7, 256)) * 40)
    soundfile.write(bad / "05-no-samples.wav", [], 16_000)
    (bad / "06-picture.flac").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    (bad / "07-zeros.ogg").write_bytes(bytes(5_000))
    (bad / "08-headless.flac").write_bytes(b"fLaC" + bytes(90))
    (bad / "09-dangling.wav").symlink_to("nowhere.wav")
    (bad / "10-page.webm").write_text("<html>404</html>\n")
    result = run("in", "-o", "out", code=1)
    complaints = [line for line in result.stderr.splitlines() if line.startswith("las: ")]
    assert len(complaints) == 10, complaints
    for complaint, path in zip(complaints, sorted(bad.iterdir()), strict=True):
        assert complaint.startswith(f"las: in/bad/{path.name}: "), complaint
    assert "Traceback" not in result.output
    assert produced(tree / "out") == ["a.txt", "b.txt", "sub/a.txt", "sub/deep/c.txt"]
    table = " ".join(result.stderr.split("las transcribe")[1].split())
    assert "failed │ 10" in table and "done │ 4" in table and "01-empty" in table


def test_a_cut_off_file_is_done_with_a_warning(run: Run, tree: Path, write_noise: Writer) -> None:
    path = write_noise(tree / "cut.wav", 2.0)
    path.write_bytes(path.read_bytes()[:40_000])
    result = run("cut.wav", code=3)
    assert result.stdout.strip()
    assert "truncated file: 0.8 s of sound is missing at 1.2 s, the file" in result.stderr
    assert run("cut.wav", "--quiet", code=3).stderr == ""


def test_sound_that_is_missing_is_told_and_ends_in_code_3(
    run: Run, tree: Path, write_noise: Writer
) -> None:
    data = write_noise(tree / "whole.flac", 12.0).read_bytes()
    middle = len(data) // 2
    (tree / "bad.flac").write_bytes(data[:middle] + bytes(900) + data[middle + 900 :])
    result = run("bad.flac", "whole.flac", "-f", "json", code=3)
    told, fine = map(json.loads, result.stdout.splitlines())
    (lost,) = told["missing"]
    assert told["flags"] == ["damaged sound"] == [lost["flag"]] and told["duration"] == 12.0
    assert 5 < lost["start"] < 7 and 0.1 < lost["duration"] < 0.6
    assert fine["missing"] == [] and fine["flags"] == []
    assert "las: bad.flac: damaged sound: 0." in result.stderr
    assert "│ incomplete │ 1" in result.stderr and result.stderr.count("missing at") == 1
    run("bad.flac", "gone.wav", "-q", code=1)  # what failed comes first


def test_words_out_of_nothing_are_left_out(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VOICED", "UNVOICED"):
        monkeypatch.setattr(f"las_cli.transcribe.doubt.{name}", Support(1.1, 0.1))
    result = run("in/a.wav")
    assert result.stdout == ""
    assert result.stderr == (
        "las: in/a.wav: no speech: nothing that is said was found; "
        "--keep-doubtful shows what was guessed\n"
    )
    assert run("in/a.wav", "-q").stderr == ""
    kept = run("in/a.wav", "--keep-doubtful")
    assert kept.stdout.strip() and "in/a.wav: 0.0 s–0.5 s: no speech" in kept.stderr
    assert json.loads(run("in/a.wav", "-f", "json").stdout)["flags"] == ["no speech"]


def test_what_a_folder_passes_over_is_told(run: Run, tree: Path) -> None:
    (tree / "in" / "b.flac").rename(tree / "in" / "b.old")
    result = run("in", "-o", "out")
    assert "las: in: 1 passed over that begin like sound but are not named so" in result.stderr
    assert "in/b.old" in result.stderr and run("in", "-o", "out", "-q").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a recording"),
        ([""], "an input is empty"),
        (["in/a.wav", ""], "an input is empty"),
        (["--from-file", ""], "an input is empty"),
        (["in/a.wav", "--format", "txt,srt", "--output-dir", ""], "--output: is empty"),
        (["in/a.wav", "--search", "greedy", "--nbest", "2"], "greedy gives one reading"),
        (["in/a.wav", "--format", "doc"], "format doc: choose from txt, srt"),
        (["in/a.wav", "--format", "txt,srt"], "several formats need --output"),
        (["in", "--format", "srt"], "--format srt: of several recordings"),
        (["in", "--words"], "--words: of several recordings"),
        (["in/a.wav", "--skip-done"], "add --output"),
        (["in/a.wav", "--output", "in/a.wav"], "is a file; name a folder"),
        (["in/a.wav", "--raw-rate", "8000"], "name - as input"),
        (["-", "--raw-rate", "-5"], "a raw rate of -5"),
        (["in/a.wav", "--beam", "0"], "beam 0: choose 1 to 100"),
        (["in/a.wav", "--longest", "0"], "--longest 0: choose"),
        (["in/a.wav", "--max-line-width", "0"], "must be at least 1"),
        (["-", "--jobs", "2"], "need one process"),
        (["in/a.wav", "--device", "tpu"], "device tpu"),
    ],
)
def test_wrong_usage(run: Run, tree: Path, arguments: list[str], message: str) -> None:
    result = run(*arguments, code=2, data=b"")
    assert message in result.stderr and "Traceback" not in result.output


def test_an_empty_folder_and_a_wrong_model(run: Run, tree: Path) -> None:
    (tree / "none").mkdir()
    assert "none: no audio file in this folder" in run("none", code=1).stderr
    result = CliRunner().invoke(cli, ["transcribe", "in/a.wav", "--model", "in"])
    assert result.exit_code == 1 and "no las model folder" in result.stderr


def test_ranks_share_the_list_and_agree_on_names(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    counts = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        run("in", "in/b.flac", "-o", f"out{rank}")
        counts.append(len(produced(tree / f"out{rank}")))
    assert counts == [2, 2, 1]
    together = sorted(name for rank in range(3) for name in produced(tree / f"out{rank}"))
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.delenv("RANK")
    run("in", "in/b.flac", "-o", "one")
    assert together == produced(tree / "one")
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert "WORLD_SIZE=two" in run("in", "-o", "x", code=2).stderr
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "add --output" in run("in", code=2).stderr


def test_help_is_grouped_and_has_examples() -> None:
    result = CliRunner().invoke(cli, ["transcribe", "--help"])
    for part in ("\nInput:", "\nOutput:", "\nModel and search:", "\nExamples:", "--color-conf"):
        assert part in result.output


def program(tree: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "las_cli", "transcribe", *arguments, "--device", "cpu"]
        + ["--keep-doubtful"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=False,
    )


def test_the_program_itself(tiny_model: Path, tree: Path) -> None:
    """Once for real: standard output holds the words, libraries' chatter is nowhere."""
    (tree / "in" / "bad.mp3").write_bytes(b"\xff\xfb\x90\x64" + bytes(999))
    done = program(tree, "in/a.wav", "in/bad.mp3", "--model", str(tiny_model), "--quiet")
    assert done.returncode == 1, done.stderr.decode()
    assert len(done.stdout.decode().splitlines()) == 2
    (complaint,) = done.stderr.decode().splitlines()
    assert complaint.startswith("las: in/bad.mp3: ")


@pytest.mark.slow
def test_several_processes_give_the_same_in_the_same_order(tiny_model: Path, tree: Path) -> None:
    (tree / "in" / "b2.wav").write_bytes(b"")
    results = [
        program(tree, "in", "--model", str(tiny_model), "--quiet", "--jobs", jobs)
        for jobs in ("1", "2")
    ]
    assert results[0].stdout == results[1].stdout and results[0].stdout.count(b"\n") == 5
    assert results[0].stderr == results[1].stderr and results[0].returncode == 1
    wrong = program(tree, "in", "--model", "in", "--jobs", "2")
    assert wrong.returncode == 1 and b"no las model folder" in wrong.stderr
    assert b"Traceback" not in wrong.stderr


def test_a_format_named_twice_is_written_once() -> None:
    assert chosen_formats(["srt,TXT", "srt", "json"]) == ["srt", "txt", "json"]
    assert chosen_formats([]) == ["txt"]
