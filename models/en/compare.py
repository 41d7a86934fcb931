"""Short trainings that differ in one thing each; a row of measurements a training out.

    python models/en/compare.py CORPUS FOLDER                      every trial, two at once
    python models/en/compare.py CORPUS FOLDER late fresh/deep    one series, then one trial
    python models/en/compare.py CORPUS FOLDER --table              what FOLDER holds, as Markdown

Three series, each with its own plain run, and that run with another seed for what chance does:

fresh     from random weights: 12 hours heard (6 hours of clips, twice)
speller   the listener of models/en, all that follows it from random weights: 6 hours heard
late      models/en, trained on: 4 hours heard

A trial is one process of one thread, `las train` and then `las decode` on the whole dev split. Its
folder keeps the command (command.txt), the run, what was decoded and result.json. A trial that was
finished is not done again; one that was interrupted begins afresh.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODEL = "en"
JOBS = 2  # trials at once: a core each
SEED = 1  # which clips, and of every training that does not say otherwise

# Series: hours of clips, passes, options of `las train` and of `las decode`.
SERIES: dict[str, tuple[float, int, str, str]] = {
    "fresh": (
        6,
        2,
        "--learning-rate 0.0015 --warmup-steps 60 --batch-seconds 100 --dropout 0.05 --guide 0.7 "
        "--sampling 0,0.3 --spec-augment 0.2 --speeds 0.9,1,1,1,1.1",
        "--beam 8 --ctc-weight 0.5 --lm none",
    ),
    "speller": (
        6,
        1,
        "--learning-rate 0.001 --warmup-steps 60 --batch-seconds 100 --dropout 0.05 --guide 0.7 "
        "--sampling 0,0.5 --spec-augment 0.2 --speeds 0.9,1,1,1,1.1 --no-short-first",
        "--beam 8 --ctc-weight 0.3 --lm none",
    ),
    "late": (
        4,
        1,
        "--learning-rate 0.0005 --warmup-steps 30 --batch-seconds 100 --dropout 0.05 --guide 0.1 "
        "--sampling 0.8,1 --spec-augment 0.2 --speeds 0.9,1,1,1,1.1 --ctc-early 0.4 "
        "--ctc-late 0.4 --no-short-first",
        "--beam 8 --ctc-weight 0.25 --lm models/en --lm-weight 0.65 --length-bonus 0.375",
    ),
}


@dataclass(frozen=True)
class Trial:
    """One training; its options come after those of its series, so they win."""

    name: str
    series: str
    change: str  # what is other than in the plain run, for the table
    options: str = ""  # of `las train`
    network: dict[str, dict[str, Any]] = field(default_factory=dict)  # fields other than base's


TRIALS = (
    Trial("plain", "fresh", "(none)"),
    Trial("batch-50", "fresh", "batches of 50 s", "--batch-seconds 50"),
    Trial("seed-2", "fresh", "seed 2", "--seed 2"),
    Trial("batch-200", "fresh", "batches of 200 s", "--batch-seconds 200"),
    Trial("shallow", "fresh", "2 layers of 320", network={"listener": {"reductions": [1, 1]}}),
    Trial("deep", "fresh", "4 layers of 320", network={"listener": {"reductions": [1, 1, 1, 1]}}),
    Trial("wide", "fresh", "3 layers of 448", network={"listener": {"hidden": 448}}),
    Trial(
        "pyramid",
        "fresh",
        "no convolutions, pyramid of 4 layers: 2, 2, 1, 1",
        network={"listener": {"front_end": "none", "reductions": [2, 2, 1, 1]}},
    ),
    Trial("plain", "late", "(none)"),
    Trial("seed-2", "late", "seed 2", "--seed 2"),
    Trial("dropout-0", "late", "dropout 0", "--dropout 0"),
    Trial("dropout-15", "late", "dropout 0.15", "--dropout 0.15"),
    Trial("masks-0", "late", "no masks", "--spec-augment 0"),
    Trial("masks-1", "late", "masks of strength 1", "--spec-augment 1"),
    Trial("speed-1", "late", "no speed perturbation", "--speeds 1"),
    Trial("ctc-10", "late", "CTC weight 0.1", "--ctc-early 0.1 --ctc-late 0.1"),
    Trial("ctc-70", "late", "CTC weight 0.7", "--ctc-early 0.7 --ctc-late 0.7"),
    Trial("batch-200", "late", "batches of 200 s", "--batch-seconds 200"),
    Trial("plain", "speller", "(none)"),
    Trial("feeding", "speller", "input feeding", network={"speller": {"form": "feeding"}}),
    Trial("pieces-100", "speller", "100 word pieces", "--units wordpieces --wordpieces 100"),
    Trial("pieces-300", "speller", "300 word pieces", "--units wordpieces --wordpieces 300"),
    Trial("seed-2", "speller", "seed 2", "--seed 2"),
)


def make_part(corpus: Path, part: Path, hours: float) -> None:
    """A corpus of `hours` of the training clips, drawn at random, and the whole dev split."""
    with (corpus / "train.tsv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows, columns = list(reader), list(reader.fieldnames or ())
    random.Random(SEED).shuffle(rows)
    part.mkdir(parents=True)
    (part / "clips").symlink_to((corpus / "clips").absolute())
    shutil.copy(corpus / "dev.tsv", part / "dev.tsv")
    seconds = 0.0
    with (part / "train.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, columns, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None
        )
        writer.writeheader()
        for row in rows:
            seconds += float(row["duration_s"])
            if seconds > hours * 3600:
                break
            writer.writerow(row)


def make_listener(folder: Path) -> None:
    """models/en with its listener as it is, and random weights in all that follows."""
    import torch

    from las_cli.network.las import LAS
    from las_cli.saved_model.folder import save_model
    from las_cli.sharing.find import load_model

    model = load_model(MODEL, "cpu")
    torch.manual_seed(SEED)
    fresh = LAS(model.model.config).state_dict()
    theirs = model.model.state_dict()
    kept = {name: theirs[name] for name in fresh if name.startswith("listener.")}
    model.model.load_state_dict(fresh | kept)
    save_model(folder, model.model, model.alphabet, model.policy)


def run(trial: Trial, parts: Path, folder: Path) -> None:
    """Trains, decodes and scores one trial, unless that was done before."""
    home = folder / trial.series / trial.name
    if (home / "result.json").exists():
        return
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    hours, epochs, train, decode = SERIES[trial.series]
    data, output = parts / f"{hours:g}h", home / "run"
    network = ""
    if trial.network:
        network = f"--network {home / 'network.json'}"
        write_network(home / "network.json", trial.network)
    init = {"fresh": "", "speller": f"--init {parts / 'listener'}", "late": f"--init {MODEL}"}
    command = (
        f"train --data {data} --output {output} --epochs {epochs} --seed {SEED} "
        f"{init[trial.series]} {network} {train} {trial.options} --quiet"
    )
    call(command, home, "train")
    call(f"decode --model {output} --data {data} --split dev --output {home / 'dev'} "
         f"--threads 1 --quiet {decode}", home, "decode")  # fmt: skip
    call(f"score --ref {home / 'dev/true_y.txt'} --hyp {home / 'dev/pred_y.txt'} "
         f"--json {home / 'score.json'}", home, "score")  # fmt: skip
    write_result(trial, home)


def write_network(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    """The preset `base` with some fields changed, for `las train --network`."""
    from las_cli.network.config import PRESETS

    network = dataclasses.asdict(PRESETS["base"])
    for part, values in changes.items():
        network[part].update(values)
    path.write_text(json.dumps(network, indent=2), encoding="utf-8")


def call(command: str, home: Path, name: str) -> None:
    """`las` with the words of `command`; SystemExit with the end of its output if it fails."""
    with (home / "command.txt").open("a", encoding="utf-8") as file:
        file.write(f"las {' '.join(command.split())}\n")
    log = home / f"{name}.log"
    began = time.monotonic()
    with log.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "las_cli", *shlex.split(command)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    if done.returncode:
        raise SystemExit(f"{home}: las {name} failed: {log.read_text()[-500:]}")
    print(f"{home.parent.name}/{home.name}: {name}, {time.monotonic() - began:.0f} s", flush=True)


def write_result(trial: Trial, home: Path) -> None:
    """What training measured last and what the search got, in one place."""
    rows = [json.loads(line) for line in (home / "run/metrics.jsonl").read_text().splitlines()]
    last = [row for row in rows if "dev_ler" in row][-1]
    score = json.loads((home / "score.json").read_text())
    result = last | {"system": score["systems"][0]}
    (home / "result.json").write_text(json.dumps(result, indent=2), encoding="utf-8")


def table(folder: Path) -> str:
    """Markdown, a row a trial, in the order of TRIALS."""
    lines = []
    for series in SERIES:
        lines += [
            f"\n{series}\n",
            "| change | hours | updates | minutes | CTC, LER | speller, LER | search, LER | WER |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for trial in TRIALS:
            path = folder / series / trial.name / "result.json"
            if trial.series != series or not path.exists():
                continue
            result = json.loads(path.read_text())
            rates = [result["dev_ctc_ler"], result["dev_ler"]]
            rates += [result["system"][kind]["rate"] for kind in ("letters", "words")]
            lines.append(
                f"| {trial.change} | {result['hours']:.1f} | {result['step']} | "
                f"{result['minutes']:.0f} | {' | '.join(f'{100 * rate:.1f}' for rate in rates)} |"
            )
    return "\n".join(lines)


def main(corpus: Path, folder: Path, wanted: list[str]) -> None:
    folder = folder.absolute()
    if wanted == ["--table"]:
        print(table(folder))
        return
    parts = folder / "parts"
    for hours, *_ in SERIES.values():
        if not (parts / f"{hours:g}h").exists():
            make_part(corpus, parts / f"{hours:g}h", hours)
    if not (parts / "listener").exists():
        make_listener(parts / "listener")
    chosen = [
        trial
        for name in wanted or SERIES
        for trial in TRIALS
        if name in (trial.series, f"{trial.series}/{trial.name}")
    ]
    if not chosen:
        sys.exit(f"no trial or series is called {' or '.join(wanted)}")
    with ThreadPoolExecutor(JOBS) as pool:
        for done in [pool.submit(run, trial, parts, folder) for trial in chosen]:
            done.result()
    print(table(folder))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python models/en/compare.py CORPUS FOLDER [TRIAL … | --table]")
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
