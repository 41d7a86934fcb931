"""A corpus through `las decode` and `las tune`: files, order, broken clips, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result

from las_cli.cli.main import cli
from las_cli.errors import LasError
from las_cli.files import read_json, write_json
from las_cli.saved_model.folder import save_model
from las_cli.text import TextPolicy
from tests.decoding.conftest import ALPHABET, speech, tiny_model

TEXTS = ["A bad cab", "Big egg, big jig!", "he did", "", "Jade faced a cliff?"]


def las(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, tiny_model(), ALPHABET, TextPolicy(), decoding={"beam": 3})
    return folder


def write_corpus(folder: Path, texts: list[str] = TEXTS) -> Path:
    """A Common Voice folder: clips of many rates, one stereo."""
    clips = folder / "clips"
    clips.mkdir(parents=True)
    rows = ["client_id\tpath\tsentence\taccent"]
    for index, text in enumerate(texts):
        waveform, _ = speech(0.3 + 0.25 * (index * 3 % 5), seed=index)
        samples = waveform[0].numpy()
        if index == 1:
            samples = waveform.repeat(2, 1).T.numpy()
        rate = (16_000, 44_100, 8_000)[index % 3]
        soundfile.write(clips / f"clip{index}.flac", samples, rate)
        rows.append(f"speaker{index % 2}\tclip{index}.flac\t{text}\tus")
    (folder / "test.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "dev.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def test_decode_writes_a_line_an_utterance_in_order(
    model_folder: Path, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "decoded"
    result = las("decode", "--model", model_folder, "--data", corpus, "--output", out,
                 "--nbest", 2, "--quiet", "--batch-seconds", 2,
                 "--precision", "float32")  # fmt: skip
    assert result.exit_code == 0, result.output
    references = (out / "true_y.txt").read_text("utf-8").splitlines()
    assert references == ["a bad cab", "big egg big jig", "he did", "jade faced a cliff"]
    hypotheses = (out / "pred_y.txt").read_text("utf-8").splitlines()
    details = [json.loads(line) for line in (out / "hypotheses.jsonl").open(encoding="utf-8")]
    assert [detail["hyp"] for detail in details] == hypotheses
    assert [detail["ref"] for detail in details] == references
    for detail in details:
        assert {"id", "scores", "words", "confidence", "flags"} <= detail.keys()
        assert {"attention", "ctc", "lm", "length"} == detail["scores"].keys()
        assert 1 <= len(detail["nbest"]) <= 2
        assert " ".join(word["text"] for word in detail["words"]) == detail["hyp"]
        assert all(word["end"] <= detail["seconds"] for word in detail["words"])
    assert "letters (LER)" in result.output and "real-time factor" in result.output
    assert "beam 3 (ctc 0.3" in result.output  # the model's own option

    # The same whatever the batches are.
    alone = tmp_path / "alone"
    las("decode", "--model", model_folder, "--data", corpus, "--output", alone, "--quiet",
        "--batch-seconds", 1, "--precision", "float32")  # fmt: skip
    assert (alone / "pred_y.txt").read_text("utf-8").splitlines() == hypotheses


def test_a_broken_clip_is_named_and_the_rest_is_done(
    model_folder: Path, corpus: Path, tmp_path: Path
) -> None:
    good = tmp_path / "good"
    arguments = ["decode", "--model", model_folder, "--data", corpus, "--quiet"]
    assert las(*arguments, "--output", good).exit_code == 0
    clip = corpus / "clips" / "clip2.flac"
    content = clip.read_bytes()
    clip.write_bytes(content[:300] + bytes(len(content) - 300))  # the header is whole
    result = las(*arguments, "--output", tmp_path / "out")
    assert result.exit_code == 1
    complaints = [line for line in result.stderr.splitlines() if "clip2.flac" in line]
    assert len(complaints) == 1 and "cannot be read" in complaints[0]
    assert "Traceback" not in result.output
    lines = (good / "pred_y.txt").read_text("utf-8").splitlines()
    assert (tmp_path / "out" / "pred_y.txt").read_text("utf-8").splitlines() == [
        line for index, line in enumerate(lines) if index != 2
    ]
    assert "left out: 1 clips" in result.output


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("corpus/test.tsv", "corpus/test.tsv: cannot be written"),
        ("corpus/test.tsv/out", "test.tsv is no folder; name another folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    corpus: Path, tmp_path: Path, output: str, found: str
) -> None:
    # Before even the model is looked for.
    result = las("decode", "--model", "none", "--data", corpus, "--output", tmp_path / output)
    assert result.exit_code == 1 and found in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_full_disk_does_not_take_the_table(
    model_folder: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LasError("out: cannot be written (No space left on device)")

    monkeypatch.setattr("las_cli.evaluation.results.write_split", full)
    result = las("decode", "--model", model_folder, "--data", corpus, "--quiet", "--clips", 1,
                 "--output", tmp_path / "out")  # fmt: skip
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert "letters (LER)" in result.stdout and "real-time factor" in result.stdout


def test_clips_that_are_missing_empty_or_no_sound_are_named(
    model_folder: Path, corpus: Path, tmp_path: Path
) -> None:
    (corpus / "clips" / "clip0.flac").unlink()
    (corpus / "clips" / "clip1.flac").write_bytes(b"")
    (corpus / "clips" / "clip2.flac").write_text("Dear diary, this is no sound.")
    result = las("decode", "--model", model_folder, "--data", corpus, "--quiet",
                 "--output", tmp_path / "out")  # fmt: skip
    assert result.exit_code == 1
    for name, reason in (
        ("clip0.flac", "missing"), ("clip1.flac", "empty"), ("clip2.flac", "unreadable"),
    ):  # fmt: skip
        named = [line for line in result.stderr.splitlines() if name in line]
        assert len(named) == 1 and reason in named[0]
    assert "Traceback" not in result.output
    assert len((tmp_path / "out" / "pred_y.txt").read_text("utf-8").splitlines()) == 1
    assert "left out: 3 clips that cannot be read" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "found"),
    [
        (["--beam", 0], 2, "beam 0: choose 1 to 100"),
        (["--beam", 10_000], 2, "beam 10000: choose 1 to 100"),
        (["--ctc-weight", 1.5], 2, "ctc-weight 1.5: choose 0 to 1"),
        (["--lm-weight", -1], 2, "lm-weight -1.0: choose 0 to 1"),
        (["--nbest", 50], 2, "nbest 50"),
        (["--search", "magic"], 2, "search 'magic': choose one of"),
        (["--precision", "half"], 2, "precision 'half'"),
        (["--threads", 0], 2, "threads 0: choose 1"),
        (["--lm", "nowhere"], 1, "nowhere: no language model here"),
        (["--split", "train"], 1, "train"),
        (["--limit", 0], 2, "--limit"),
        (["--clips", 0], 2, "--clips"),
        (["--clips", 2, "--limit", 2], 2, "give one of them"),
        (["--device", "abacus"], 2, "abacus"),
    ],
)
def test_bad_options_are_one_line(
    model_folder: Path, corpus: Path, tmp_path: Path, arguments: list[object], code: int, found: str
) -> None:
    result = las("decode", "--model", model_folder, "--data", corpus,
                 "--output", tmp_path / "out", *arguments)  # fmt: skip
    assert result.exit_code == code
    assert found in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_models_and_data_that_are_none(model_folder: Path, corpus: Path, tmp_path: Path) -> None:
    for model, data, found in (
        (tmp_path, corpus, "no las model folder"),
        (model_folder, tmp_path / "nothing", "nothing"),
    ):
        result = las("decode", "--model", model, "--data", data, "--output", tmp_path / "out")
        assert result.exit_code in (1, 2) and found in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_model_without_a_ctc_head(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "attention"
    save_model(folder, tiny_model(ctc=False), ALPHABET, TextPolicy())
    arguments = ["decode", "--model", folder, "--data", corpus, "--output", tmp_path / "out"]
    result = las(*arguments, "--quiet", "--limit", 2)
    assert result.exit_code == 0
    assert "no CTC head: the speller alone" in result.stderr
    result = las(*arguments, "--search", "ctc")
    assert result.exit_code == 1 and "use beam" in result.stderr


@pytest.mark.parametrize(
    ("flag", "ids"), [("--clips", ["clip0", "clip2"]), ("--limit", ["clip0", "clip1"])]
)
def test_clips_are_spread_and_limit_takes_the_first(
    model_folder: Path, corpus: Path, tmp_path: Path, flag: str, ids: list[str]
) -> None:
    result = las("decode", "--model", model_folder, "--data", corpus, "-q", flag, 2, "--search",
                 "greedy", "-o", tmp_path / "out")  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "out" / "hypotheses.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids


def test_expected_words(model_folder: Path, corpus: Path, tmp_path: Path) -> None:
    """They are written where the bonus is large; what the model cannot spell is named."""
    out = tmp_path / "decoded"
    arguments = ["decode", "--model", model_folder, "--data", corpus, "--output", out, "--quiet"]
    result = las(*arguments, "--hotwords", "A, Zoo, E 2", "--hotword-weight", 12)
    assert result.exit_code == 0, result.output
    assert "las: hotwords left out, as the model has no o z: zoo" in result.stderr
    details = [json.loads(line) for line in (out / "hypotheses.jsonl").open(encoding="utf-8")]
    words = [[word for word in detail["hyp"].split() if word in "ae"] for detail in details]
    bonuses = [sum(1 + (word == "e") for word in each) for each in words]
    assert [detail["scores"]["hotwords"] for detail in details] == bonuses and any(bonuses)


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--hotwords", "", "hotwords: names no word"),
        ("--hotwords", "Ann\ttwo", "the weight 'two' of 'Ann' is no number"),
        ("--hotwords", "names.txt", "there is no such file"),
        ("--hotword-weight", "-1", "choose 0 to 20 nats a letter"),
        ("--beam-threshold", "0", "choose more than 0 nats"),
        ("--beam-threshold", "-1", "choose more than 0 nats"),
    ],
)
def test_bad_input_of_a_search_is_told_in_a_sentence(
    model_folder: Path, corpus: Path, tmp_path: Path, option: str, value: str, found: str
) -> None:
    arguments = ("--model", model_folder, "--data", corpus, "--output", tmp_path / "out")
    result = las("decode", *arguments, option, value)
    assert result.exit_code == 2 and found in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 and "Traceback" not in result.stderr


def test_a_language_model_from_text_to_search(
    model_folder: Path, corpus: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a bad cab\nhe did\nbig egg\n" * 20, encoding="utf-8")
    more = tmp_path / "more.txt"
    more.write_text("jade faced a cliff\n" * 20, encoding="utf-8")
    lm = tmp_path / "lm"
    result = las("train-lm", "--text", text, more, "--model", model_folder, "--output", lm,
                 "--hidden", 8, "--embedding", 4, "--epochs", 1, "--quiet")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "perplexity per letter" in result.output
    facts = read_json(lm / "lm.json")["facts"]
    assert facts["text"] == ["text.txt", "more.txt"] and facts["perplexity_per_letter"] > 1

    out = tmp_path / "out"
    arguments = ["decode", "--model", model_folder, "--data", corpus, "--output", out, "--quiet",
                 "--limit", 1]  # fmt: skip
    assert las(*arguments, "--lm", lm, "--lm-weight", 0.5).exit_code == 0
    first = json.loads((out / "hypotheses.jsonl").read_text("utf-8").splitlines()[0])
    assert first["scores"]["lm"] < 0
    assert las(*arguments, "--lm", lm, "--lm-weight", 0).exit_code == 2
    assert las(*arguments, "--lm", "none").exit_code == 0

    config = read_json(lm / "lm.json")
    write_json(lm / "lm.json", config | {"alphabet": "of another language"})
    result = las(*arguments, "--lm", lm)
    assert result.exit_code == 1 and "another alphabet" in result.stderr

    result = las("train-lm", "--model", model_folder, "--output", lm)
    assert result.exit_code == 2 and "--text is missing" in result.stderr


def test_tune_writes_what_it_found(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_model(folder, tiny_model(), ALPHABET, TextPolicy(), facts={"kept": 1})
    before = read_json(folder / "config.json")
    arguments = ["tune", "--model", folder, "--data", corpus, "--clips", 2, "--beam", 2]
    arguments += ["--beams", "1,2"]
    result = las(*arguments, "--dry-run", "--metric", "ler")
    assert result.exit_code == 0, result.output
    assert read_json(folder / "config.json") == before
    kept = tmp_path / "trials.jsonl"
    first = las(*arguments, "--trials", kept)
    assert first.exit_code == 0, first.output
    searched = kept.read_text("utf-8")
    assert las(*arguments, "--trials", kept, "--dry-run").exit_code == 0
    assert searched in kept.read_text("utf-8")
    after = read_json(folder / "config.json")
    assert after["decoding"]["beam"] in (1, 2) and after["facts"] == {"kept": 1}
    assert after["network"] == before["network"]
    result = las(*arguments[:-2], "--beams", "0,x")
    assert result.exit_code == 2 and "--beams" in result.stderr


def test_tune_names_a_clip_that_it_does_without(
    model_folder: Path, corpus: Path, tmp_path: Path
) -> None:
    clip = corpus / "clips" / "clip2.flac"
    content = clip.read_bytes()
    clip.write_bytes(content[:300] + bytes(len(content) - 300))  # the header is whole
    result = las("tune", "--model", model_folder, "--data", corpus, "--split", "test", "--dry-run",
                 "--beam", 1, "--beams", 1)  # fmt: skip
    assert result.exit_code == 0, result.output
    complaints = [line for line in result.stderr.splitlines() if "clip2.flac" in line]
    assert len(complaints) == 1 and "cannot be read" in complaints[0]


@pytest.mark.parametrize("own", [None, "bf16"])
def test_tune_leaves_the_precision_as_it_was(corpus: Path, tmp_path: Path, own: str | None) -> None:
    folder = tmp_path / "model"
    decoding = {"precision": own} if own else {}
    save_model(folder, tiny_model(), ALPHABET, TextPolicy(), decoding=decoding)
    result = las("tune", "--model", folder, "--data", corpus, "--clips", 1, "--search", "greedy",
                 "--precision", "float32")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert read_json(folder / "config.json")["decoding"].get("precision") == own
