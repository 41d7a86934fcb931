"""Reference and hypothesis texts in; error rates, their intervals, tables and pages out.

Nothing here imports torch, and rapidfuzz, numpy and rich are imported only where they are used.
"""

from __future__ import annotations

from las_cli.scoring.alignment import align, count_errors
from las_cli.scoring.counts import ErrorCounts
from las_cli.scoring.normalisers import find_normaliser
from las_cli.scoring.score import Score, Scorer, UtteranceScore, letter_error_rate, score_pairs
from las_cli.scoring.terminal import print_table

__all__ = [
    "ErrorCounts",
    "Score",
    "Scorer",
    "UtteranceScore",
    "align",
    "count_errors",
    "find_normaliser",
    "letter_error_rate",
    "print_table",
    "score_pairs",
]
