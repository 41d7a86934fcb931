"""Ctrl-C and polite kills in, a question that a training asks after each step out."""

from __future__ import annotations

import os
import signal


class Interruption:
    """Ctrl-C or a polite kill: finish the step, save, stop. Ctrl-C after that: stop at once."""

    def __init__(self) -> None:
        self.asked = False
        self.parent = os.getppid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        return self.asked or self._orphaned()

    def _orphaned(self) -> bool:
        """Whether the launcher of --processes was killed: nobody would end this one any more."""
        from las_cli.training.launcher import LAUNCHED

        return LAUNCHED in os.environ and os.getppid() != self.parent

    def _ask(self, number: int, frame: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
