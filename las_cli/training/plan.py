"""What to train on what: one frozen dataclass, saved in the run folder and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from las_cli.errors import UsageError
from las_cli.files import read_json
from las_cli.network.config import LASConfig, build
from las_cli.text import TextPolicy
from las_cli.training.hyperparameters import TrainingConfig
from las_cli.training.mixture import names_of

SETUP = "training.json"  # what --resume needs to know beside the checkpoint


@dataclass(frozen=True)
class Plan:
    """What to train on what; saved in the run folder so that --resume needs no other option."""

    data: tuple[str, ...]  # corpus folders
    split: str
    dev_split: str
    network: LASConfig
    training: TrainingConfig
    text: TextPolicy
    preset: str = ""
    wordpieces: int = 0  # units; 0: letters
    init: str = ""  # model to start from
    shares: tuple[float, ...] = ()  # of the sound in an update, by folder; 0: by its size
    names: tuple[str, ...] = ()  # of the corpora, as the training began: ids of clips hold them
    clips: tuple[str, ...] = ()  # what the clips of each folder were when the training began
    # Defaults of the search, of the model it starts from; kept where the alphabet is the same.
    decoding: dict[str, Any] = field(default_factory=dict)

    @property
    def corpus_names(self) -> list[str]:
        """A short name for each corpus; those it began with, wherever the folders lie by now."""
        return list(self.names) or names_of(self.data)

    @property
    def told_data(self) -> str:
        """The corpora in a sentence."""
        return ", ".join(self.data)

    @property
    def fixed(self) -> dict[str, Any]:
        """What a resumed training cannot change, by the name of its option."""
        return {
            "split": self.split,
            "dev-split": self.dev_split,
            "preset": self.preset,
            "network": self.preset,
            "init": self.init,
            "units": "wordpieces" if self.wordpieces else "letters",
            "wordpieces": self.wordpieces,
            "case": self.text.case,
            "punctuation": self.text.punctuation,
            "digits": self.text.digits,
            "language": self.text.language,
            "dropout": self.network.listener.dropout,
            "teacher": list(self.training.teacher),
        }


def read_plan(path: Path) -> Plan:
    """The plan saved in `path`, of this version or an older one; LasError names a wrong field."""
    saved = read_json(path)
    if isinstance(saved, dict) and isinstance(saved.get("data"), str):
        saved["data"] = [saved["data"]]  # was one folder
    training = saved.get("training") if isinstance(saved, dict) else None
    if isinstance(training, dict) and isinstance(training.get("noise"), str):
        training["noise"] = [training["noise"]] if training["noise"] else []  # was one folder
    plan = build(Plan, saved, "training")
    assert isinstance(plan, Plan)
    return plan


def agreed(plan: Plan, asked: Mapping[str, Any]) -> Plan:
    """The plan of a resumed training, with its corpora where they are now.

    asked: options that were given again, by name (`Plan.fixed`); "data" and "shares" as `Plan` has
    them, "network_config" what the file of --network holds. What is as it was is fine. UsageError
    names each that differs, with both values: corpus, network, letters and teacher are those the
    training began with.
    """
    differing = [
        f"--{name} {told(value)}, it began with {told(plan.fixed[name])}"
        for name, value in asked.items()
        if name in plan.fixed and value != plan.fixed[name]
    ]
    network = asked.get("network_config")
    if network is not None and without_dropout(network) != without_dropout(plan.network):
        differing.append(f"--network {plan.preset}, which describes another network by now")
    folders = tuple(asked.get("data", plan.data))
    shares = tuple(asked.get("shares", plan.shares)) or (0.0,) * len(folders)
    before = plan.shares or (0.0,) * len(plan.data)
    if (len(folders), shares) != (len(plan.data), before):
        mine, theirs = with_shares(folders, shares), with_shares(plan.data, before)
        differing.append(f"--data {mine}, it began with {theirs}")
    if differing:
        raise UsageError(f"cannot change with --resume: {'; '.join(differing)}")
    return replace(plan, data=folders)


def without_dropout(network: LASConfig) -> LASConfig:
    """A network but for its letters, which the corpus decides, and its dropout."""
    return replace(
        network,
        units=0,
        listener=replace(network.listener, dropout=0.0),
        speller=replace(network.speller, dropout=0.0),
    )


def told(value: Any) -> str:
    """A value of an option as a message shows it."""
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return str(value) or "none"


def with_shares(folders: tuple[str, ...], shares: tuple[float, ...]) -> str:
    """Folders with their shares, as --data takes them."""
    return " ".join(
        f"{folder}={share:g}" if share else folder
        for folder, share in zip(folders, shares, strict=True)
    )
