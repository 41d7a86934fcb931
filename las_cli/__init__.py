"""Offline speech-to-text with a Listen, Attend and Spell network that its user can train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from las_cli.version import __version__

if TYPE_CHECKING:
    from las_cli.transcribe.transcriber import Transcriber

__all__ = ["Transcriber", "__version__"]


def __getattr__(name: str) -> object:
    # Transcriber imports torch (1.6 s), which `las --help` and `las score` must never pay for.
    if name == "Transcriber":
        from las_cli.transcribe.transcriber import Transcriber

        return Transcriber
    raise AttributeError(f"module 'las_cli' has no attribute {name!r}")
