"""`las adapt` as a whole: a better model or none, all that belongs to it, exact resume."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from las_cli.adaptation.adapt import Adaptation, Request, read_request, work_folder
from las_cli.adaptation.voice_settings import VoiceSettings
from las_cli.cli.main import cli
from las_cli.recogniser import load_recogniser
from las_cli.saved_model.folder import load_folder, write_decoding
from tests.training.corpora import write_corpus

QUICK = ("--learning-rate", "0.004", "--passes", "12", "--anchor", "20", "--precision", "float32",
         "--moves", "all", "--device", "cpu")  # fmt: skip


def adapt(*words: object) -> Result:
    return CliRunner().invoke(cli, ["adapt", *map(str, words)])


@pytest.fixture(scope="module")
def adapted(singer: Path, other_voice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was adapted to the other voice."""
    folder = tmp_path_factory.mktemp("adapted") / "my"
    done = adapt(singer, "--data", other_voice, "--output", folder, *QUICK)
    assert done.exit_code == 0, done.output
    assert "after against before" in done.output and "written" in done.output
    return folder


def test_the_other_voice_is_heard_better(adapted: Path) -> None:
    check = json.loads((adapted / "config.json").read_text())["facts"]["check"]
    assert check["ler"]["after"] < 0.5 * check["ler"]["before"]
    assert check["wer"]["after"] < check["wer"]["before"]
    assert check["ler"]["difference"][1] < 0


def test_it_is_a_whole_model_folder(adapted: Path, singer: Path) -> None:
    for name in ("lm.json", "lm.safetensors", "alphabet.json"):
        assert (adapted / name).read_bytes() == (singer / name).read_bytes(), name
    mine, theirs = (json.loads((one / "config.json").read_text()) for one in (adapted, singer))
    assert mine["decoding"] == theirs["decoding"] and mine["text"] == theirs["text"]
    facts = mine["facts"]
    assert facts["adapted_from"] == "model"
    assert facts["train_clips"] + facts["check_clips"] == 60
    card = (adapted / "README.md").read_text()
    assert "| LER |" in card and "minutes of speech" in card
    assert not work_folder(adapted).exists()
    assert load_recogniser(str(adapted)).lm is not None


def test_no_better_no_model(singer: Path, other_voice: Path, tmp_path: Path) -> None:
    options = (singer, "--data", other_voice, "--output", tmp_path / "my",
               "--learning-rate", "1e-12", "--passes", "1", "--device", "cpu")  # fmt: skip
    done = adapt(*options)
    assert done.exit_code == 1 and list(tmp_path.iterdir()) == []
    assert "not better than" in done.output and "record more" in done.output
    assert "--keep-anyway" in done.output and "Traceback" not in done.output
    kept = adapt(*options, "--keep-anyway")
    assert kept.exit_code == 0, kept.output
    assert "no check was better" in kept.output
    card = (tmp_path / "my" / "README.md").read_text()
    assert "Its network is that of model" in card and "Adapted to" not in card
    facts = json.loads((tmp_path / "my" / "config.json").read_text())["facts"]
    assert "voice" not in facts and "train_minutes" not in facts and facts["check_clips"] > 0
    before, after = (load_file(one / "model.safetensors") for one in (singer, tmp_path / "my"))
    assert all(torch.equal(before[name], after[name]) for name in before)


class StopAfter:
    """Asks a training to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def started(request: Request, output: Path) -> Adaptation:
    recogniser = load_recogniser(request.model, device="cpu", threads=1)
    return Adaptation(request, recogniser, output, lambda line: None, True)


def test_a_stopped_adaptation_goes_on_exactly(
    singer: Path, other_voice: Path, tmp_path: Path
) -> None:
    voice = VoiceSettings(
        learning_rate=0.002, passes=1, least_updates=9, checks=3, anchor=5.0, batch_seconds=20.0,
        device="cpu", precision="float32",
    )  # fmt: skip
    request = Request(str(singer), (str(other_voice),), (), voice)
    whole = started(request, tmp_path / "whole")
    assert whole.run() is not None
    broken = started(request, tmp_path / "broken")
    assert broken.run(StopAfter(4)) is None and broken.began
    again = read_request(tmp_path / "broken")
    assert again == request
    assert started(again, tmp_path / "broken").run() is not None
    ends = [
        load_file(one.work / "training" / "checkpoints" / "step-0000009" / "model.safetensors")
        for one in (whole, broken)
    ]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_interrupted_by_the_user(
    singer: Path, other_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("las_cli.cli.interruption.Interruption", lambda: StopAfter(2))
    done = adapt(singer, "--data", other_voice, "--output", tmp_path / "my", *QUICK)
    assert done.exit_code == 130 and not (tmp_path / "my").exists()
    again = adapt(singer, "--data", other_voice, "--output", tmp_path / "my", *QUICK)
    assert again.exit_code == 2 and "--resume goes on with it" in again.output
    monkeypatch.undo()
    mixed = adapt(singer, "--resume", "--output", tmp_path / "my")
    assert mixed.exit_code == 2 and "--output alone" in mixed.output
    done = adapt("--resume", "--output", tmp_path / "my", "--keep-anyway")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "my" / "config.json").is_file() and not work_folder(tmp_path / "my").exists()


def test_words_of_a_text_without_any_sound(singer: Path, tmp_path: Path) -> None:
    draw = random.Random(4)
    lines = [" ".join(draw.choices(["bead", "decade", "abba", "cede"], k=4)) for _ in range(120)]
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# Bead\n\n" + "\n".join(f"- {line}" for line in lines))
    done = adapt(singer, "--text", notes, "--output", tmp_path / "my")
    assert done.exit_code == 0, done.output
    assert "perplexity per letter on" in done.output and "LER" not in done.output
    mine = load_recogniser(str(tmp_path / "my"), device="cpu")
    theirs = load_recogniser(str(singer), device="cpu")
    assert mine.loaded.decoding == theirs.loaded.decoding
    before, after = (load_file(one / "model.safetensors") for one in (singer, tmp_path / "my"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    from tests.adaptation.sentences import log_p

    units = mine.loaded.alphabet
    text = units.encode("bead decade abba cede")
    assert log_p(mine.lm, text) > log_p(theirs.lm, text) + 5
    facts = json.loads((tmp_path / "my" / "config.json").read_text())["facts"]
    assert facts["text"]["words"] == 4
    rates = facts["check"]["perplexity_per_letter"]
    assert rates["after"] < rates["before"]


def test_both_and_the_checked_sentences_are_not_read(
    singer: Path, other_voice: Path, tmp_path: Path
) -> None:
    rows = (other_voice / "train.tsv").read_text().splitlines()[1:]
    (tmp_path / "said.txt").write_text("\n".join(row.split("\t")[2] for row in rows))
    done = adapt(
        singer, "--data", other_voice, "--text", tmp_path / "said.txt", "--output",
        tmp_path / "my", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    facts = json.loads((tmp_path / "my" / "config.json").read_text())["facts"]
    assert facts["text"]["sentences"] == 60 - facts["check_clips"]
    assert "with the words alone: LER" in done.output
    assert "sentences that the result is checked by left out" in done.output
    assert facts["check"]["ler"]["after"] < facts["check"]["ler"]["before"]


def with_texts(corpus: Path, folder: Path, change: Any) -> Path:
    """A copy of a corpus with the list of its texts changed."""
    shutil.copytree(corpus, folder)
    head, *rows = (folder / "train.tsv").read_text().splitlines()
    columns = [row.split("\t") for row in rows]
    texts = change([one[2] for one in columns])
    rows = ["\t".join([*one[:2], text]) for one, text in zip(columns, texts, strict=False)]
    (folder / "train.tsv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda texts: texts[:20], "s of speech with usable texts are too little"),
        (lambda texts: ["a bad cab"] * 60, "only 1 different sentence"),
        (lambda texts: ["мы пели"] * 60, "60 of 60 clips cannot be learned by model"),
        (lambda texts: [*texts[30:], *texts[:30]], "do not belong to their sound"),
    ],
    ids=["short", "one sentence", "another alphabet", "texts of others"],
)
def test_recordings_that_nothing_can_be_learned_from(
    change: Any, message: str, singer: Path, tmp_path: Path
) -> None:
    own = write_corpus(tmp_path / "own", train=60, dev=0, seed=11)  # of the model's own singer
    data = with_texts(own, tmp_path / "data", change)
    done = adapt(singer, "--data", data, "--output", tmp_path / "my", *QUICK)
    assert done.exit_code == 1 and message in done.output, done.output
    assert "Traceback" not in done.output
    assert {path.name for path in tmp_path.iterdir()} == {"own", "data"}


def test_some_wrong_texts_are_named_and_left_out(singer: Path, tmp_path: Path) -> None:
    own = write_corpus(tmp_path / "own", train=60, dev=0, seed=11)
    data = with_texts(
        own, tmp_path / "data", lambda texts: [*texts[3:6], *texts[:3], *texts[6:]]
    )
    done = adapt(singer, "--data", data, "--output", tmp_path / "my", "--keep-anyway", *QUICK)
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if "do not belong" in line)
    names = set(re.findall(r"train\d+", line))  # short ones may be alike by chance
    assert len(names) >= 4 and names <= {f"train{n}" for n in range(6)}
    line = next(line for line in done.output.splitlines() if "minutes to learn from" in line)
    assert 54 <= sum(map(int, re.findall(r"\((\d+) clips\)", line))) <= 56


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--output", "x"), 2, "MODEL is missing"),
        (("en", "--output", "x"), 2, "--data, texts with --text"),
        (("--resume", "--output", "{tmp}/none"), 1, "no adaptation to go on with"),
        (("{singer}", "--text", "{tmp}/nowhere", "--output", "{tmp}/x"), 1, "no such file"),
        (("{singer}", "--data", "{tmp}/nowhere", "--output", "{tmp}/x"), 1, "nowhere"),
        (("{singer}", "--text", "{tmp}", "--output", "{singer}"), 2, "is not empty"),
        (("{singer}", "--text", "{tmp}", "--output", ".."), 2, "is not empty"),
        (("--resume", "--output", "."), 2, ".: cannot be replaced; name a new folder"),
    ],
)
def test_wrong_usage(
    words: tuple[str, ...], code: int, message: str, singer: Path, tmp_path: Path
) -> None:
    done = adapt(*(word.format(tmp=tmp_path, singer=singer) for word in words))
    assert done.exit_code == code and message in done.output, done.output
    assert "Traceback" not in done.output and list(tmp_path.iterdir()) == []


def test_a_voice_must_be_better_than_the_words_alone(
    singer: Path, other_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("\n".join(["a bad cab", "dead bee"] * 30))
    voice = VoiceSettings(passes=0.1, least_updates=1, checks=1, device="cpu", precision="float32")
    request = Request(str(singer), (str(other_voice),), (str(tmp_path / "a.txt"),), voice)
    rates = iter([(0.5, 0.9), (0.3, 0.6), (0.4, 0.7)])  # before, by the words, the first check
    monkeypatch.setattr("las_cli.adaptation.adapt.error_rates", lambda _: next(rates))
    monkeypatch.setattr("las_cli.adaptation.voice.error_rates", lambda _: next(rates))
    adaptation = started(request, tmp_path / "my")
    assert adaptation.run() is not None
    assert not (adaptation.work / "training" / "config.json").exists()  # 0.4 is not below 0.3


def test_sound_in_shards(singer: Path, other_voice: Path, tmp_path: Path) -> None:
    options = ["--output", str(tmp_path / "prepared"), "--shards", "-j", "1"]
    done = CliRunner().invoke(cli, ["prepare", str(other_voice), *options])
    assert done.exit_code == 0, done.output
    short = (*QUICK[:2], "--passes", "0.2", *QUICK[4:])
    done = adapt(singer, "--data", tmp_path / "prepared", "--output", tmp_path / "my", *short,
                 "--keep-anyway")  # fmt: skip
    assert done.exit_code == 0, done.output
    facts = json.loads((tmp_path / "my" / "config.json").read_text())["facts"]
    assert facts["check_clips"] > 5


def test_the_written_form_goes_along(singer: Path, tmp_path: Path) -> None:
    shutil.copytree(singer, tmp_path / "writes")
    for name in ("punctuation.json", "punctuation.safetensors"):
        (tmp_path / "writes" / name).write_text(f"what is in {name}")
    (tmp_path / "a.txt").write_text("a bad cab")
    done = adapt(tmp_path / "writes", "--text", tmp_path / "a.txt", "--output", tmp_path / "my")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "my" / "punctuation.json").read_text() == "what is in punctuation.json"
    assert (tmp_path / "my" / "punctuation.safetensors").is_file()


def test_a_model_of_word_pieces_learns_no_voice(
    singer: Path, other_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("las_cli.adaptation.adapt.Alphabet", str)  # as if it had no letters
    done = adapt(singer, "--data", other_voice, "--output", tmp_path / "my")
    assert done.exit_code == 1 and "writes word pieces" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_language_model(singer: Path, tmp_path: Path) -> None:
    shutil.copytree(singer, tmp_path / "bare")
    (tmp_path / "bare" / "lm.json").unlink()
    (tmp_path / "a.txt").write_text("a bad cab")
    done = adapt(tmp_path / "bare", "--text", tmp_path / "a.txt", "--output", tmp_path / "my")
    assert done.exit_code == 1 and "las train-lm" in done.output


def test_a_language_model_without_weight(singer: Path, tmp_path: Path) -> None:
    shutil.copytree(singer, tmp_path / "tuned")
    write_decoding(tmp_path / "tuned", {"lm_weight": 0.0})
    (tmp_path / "a.txt").write_text("a bad cab")
    done = adapt(tmp_path / "tuned", "--text", tmp_path / "a.txt", "--output", tmp_path / "my")
    assert done.exit_code == 1 and "no weight" in done.output
    assert not work_folder(tmp_path / "my").exists()


def test_training_from_a_model_keeps_its_search(
    singer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_corpus(tmp_path / "own", train=6, dev=2, seed=11)
    # no e is said: the model's letters are kept all the same
    for split in ("train", "dev"):
        table = own / f"{split}.tsv"
        head, *rows = table.read_text().splitlines()
        rows = [row.rpartition("\t")[0] + "\t" + row.rpartition("\t")[2].replace("e", "a")
                for row in rows]  # fmt: skip
        table.write_text("\n".join([head, *rows]) + "\n")
    options = ["--max-steps", "2", "--workers", "0", "--device", "cpu", "--init", str(singer),
               "--data", str(own)]  # fmt: skip
    done = CliRunner().invoke(cli, ["train", *options, "--output", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "keeps of model: language model, weights of the search, calibration" in done.stderr
    for name in ("lm.json", "lm.safetensors", "alphabet.json"):
        assert (tmp_path / "run" / name).read_bytes() == (singer / name).read_bytes(), name
    loaded = load_folder(tmp_path / "run", "run", "cpu")
    assert loaded.decoding == load_folder(singer, "model", "cpu").decoding
    assert load_recogniser(str(tmp_path / "run"), device="cpu").lm is not None
    again = CliRunner().invoke(
        cli, ["train", "--resume", "--max-steps", "4", "--output", str(tmp_path / "run")]
    )
    assert again.exit_code == 0, again.output
    assert load_folder(tmp_path / "run", "run", "cpu").decoding == loaded.decoding
