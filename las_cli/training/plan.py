"""What to train on what: one frozen dataclass, saved in the run folder and read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from las_cli.files import read_json
from las_cli.network.config import LASConfig, build
from las_cli.text import TextPolicy
from las_cli.training.hyperparameters import TrainingConfig

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

    @property
    def told_data(self) -> str:
        """The corpora in a sentence."""
        return ", ".join(self.data)


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
