"""What the listener heard in, hypotheses out: greedy, CTC, joint and two-pass search."""

from __future__ import annotations

from las_cli.decoding.calibration import Calibration, calibration_error, fit_calibration
from las_cli.decoding.decoder import Heard, decode, listen, options_for, search, texts_of
from las_cli.decoding.greedy import greedy_ctc
from las_cli.decoding.hypothesis import CUT_OFF, LOOPED, TOO_SHORT, Hypothesis, Scores
from las_cli.decoding.options import SEARCHES, DecodingOptions

__all__ = [
    "CUT_OFF",
    "LOOPED",
    "SEARCHES",
    "TOO_SHORT",
    "Calibration",
    "DecodingOptions",
    "Heard",
    "Hypothesis",
    "Scores",
    "calibration_error",
    "decode",
    "fit_calibration",
    "greedy_ctc",
    "listen",
    "options_for",
    "search",
    "texts_of",
]
