"""A corpus folder in, lhotse cuts out: Common Voice, LibriSpeech, tables, manifests, shards."""

from __future__ import annotations

from pathlib import Path

from las_cli.corpus.corpus import Corpus
from las_cli.corpus.cuts import use_soundfile
from las_cli.errors import LasError

__all__ = ["Corpus", "load_corpus", "use_soundfile"]


def load_corpus(folder: str | Path, jobs: int | None = None) -> Corpus:
    """The corpus in `folder`, recognised by its layout; LasError when it is none.

    `jobs`: processes that read audio headers (default: one a core, at most 8).
    """
    from las_cli.corpus.common_voice import CommonVoice

    folder = Path(folder).absolute()
    if CommonVoice.recognises(folder):
        return Corpus(CommonVoice(folder), jobs)
    raise LasError(f"{folder}: no corpus found there")
