"""A search by name in, what it needs and the function that runs it out.

To add a search, write its function in a file of this folder and name it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Search:
    """A way to find hypotheses."""

    name: str
    # Module of this folder and function in it, (Decoder, Heard) → hypotheses of each utterance,
    # best first. Imported when it first runs: those who only want the names need no torch.
    function: str
    needs_ctc: bool = False  # fails without a CTC head
    asks_speller: bool = True  # else CTC has all the weight that the two share
    has_beam: bool = True  # else an utterance has one hypothesis at a time

    def load(self) -> Callable[..., Any]:
        """The function."""
        module, _, name = self.function.partition(":")
        function: Callable[..., Any] = getattr(import_module(f"las_cli.decoding.{module}"), name)
        return function


SEARCHES = {
    search.name: search
    for search in (
        # Speller, CTC and language model together, letter by letter.
        Search("beam", "beam_search:joint_search"),
        # The same with one hypothesis.
        Search("greedy", "beam_search:joint_search", has_beam=False),
        # CTC prefixes with the language model and no speller.
        Search("ctc", "ctc_search:ctc_search", needs_ctc=True, asks_speller=False),
        # The hypotheses of "ctc", scored once by the speller.
        Search("rescore", "rescoring:two_pass_search", needs_ctc=True),
    )
}
