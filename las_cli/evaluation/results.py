"""A decoded split in, its files out: true_y.txt, pred_y.txt and hypotheses.jsonl."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.files import utf8, write_text
from las_cli.ledger import Ledger

if TYPE_CHECKING:
    from las_cli.decoding.hypothesis import Hypothesis
    from las_cli.evaluation.decode_split import DecodedSplit, DecodedUtterance

# What `las score --draw` and `--by` may ask for; other labels of a corpus would only fill the file.
LABELS = ("speaker", "gender", "age", "accent", "accents", "language", "corpus")
REFERENCES, HYPOTHESES, DETAILS = "true_y.txt", "pred_y.txt", "hypotheses.jsonl"


def require_own_files(folder: Path) -> None:
    """LasError if `write_split` would replace a file in `folder` that las did not write."""
    ledger = Ledger()
    for name in (REFERENCES, HYPOTHESES, DETAILS):
        ledger.require_own(folder / name)


def write_split(decoded: DecodedSplit, folder: Path) -> None:
    """Write a line an utterance, in the order of the corpus, into each of the three files.

    Clips that could not be read are in none of them, so lines of the files belong together.
    """
    ledger = Ledger()
    for name, lines in (
        (REFERENCES, decoded.references),
        (HYPOTHESES, decoded.hypotheses),
        (DETAILS, [detail(utterance) for utterance in decoded.utterances]),
    ):
        text = "".join(f"{line}\n" for line in lines)
        ledger.note(folder / name, hashlib.sha256(utf8(text)).hexdigest())
        write_text(folder / name, text)


def detail(utterance: DecodedUtterance) -> str:
    """One line of hypotheses.jsonl."""
    best = utterance.hypotheses[0]
    data: dict[str, Any] = {
        "id": utterance.id,
        "ref": utterance.reference,
        "hyp": best.text,
        "seconds": round(utterance.seconds, 3),
        **{name: utterance.labels[name] for name in LABELS if name in utterance.labels},
        **_scores(best),
        "confidence": _number(best.confidence),
        "flags": list(best.flags),
        "words": [
            {
                "text": word.text,
                "start": word.start,
                "end": word.end,
                "confidence": _number(word.confidence),
            }
            for word in best.words
        ],
    }
    if len(utterance.hypotheses) > 1:
        data["nbest"] = [
            {"hyp": hypothesis.text, **_scores(hypothesis)} for hypothesis in utterance.hypotheses
        ]
    return json.dumps(data, ensure_ascii=False)


def _scores(hypothesis: Hypothesis) -> dict[str, Any]:
    scores = {name: round(score, 4) for name, score in hypothesis.scores.items()}
    return {
        "score": round(hypothesis.score, 4),
        "scores": {**scores, "length": len(hypothesis.units)},
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
