"""Ctrl-C and polite kills in, a question that a training asks after each step out."""

from __future__ import annotations

import signal


class Interruption:
    """Ctrl-C or a polite kill: finish the step, save, stop. Ctrl-C after that: stop at once."""

    current: Interruption | None = None  # of this process, once it can be interrupted politely

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        Interruption.current = self

    def __call__(self) -> bool:
        return self.asked

    @classmethod
    def ask(cls) -> bool:
        """Ask the training to save and stop; False if there is none yet."""
        if cls.current is None:
            return False
        cls.current.asked = True
        return True

    def _ask(self, number: int, frame: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
