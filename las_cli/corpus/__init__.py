"""A corpus folder in, lhotse cuts out: Common Voice, LibriSpeech, tables, manifests, shards."""

from __future__ import annotations

from pathlib import Path

from las_cli.corpus.corpus import Corpus
from las_cli.corpus.cuts import read_cut, spread_cuts, use_soundfile

__all__ = ["Corpus", "load_corpus", "load_split", "read_cut", "spread_cuts", "use_soundfile"]


def load_corpus(
    folder: str | Path, jobs: int | None = None, *, derive_dev: bool = True
) -> Corpus:
    """The corpus at `folder` (or the single manifest), recognised by its layout.

    `jobs`: processes that read audio headers (default: one a core, at most 8). Where there is no
    dev split, a part of train is set aside as one, unless `derive_dev` is false. LasError when it
    is no corpus, with a list of what would be recognised.
    """
    from las_cli.corpus.detection import detect_layout

    return Corpus(detect_layout(Path(folder).absolute()), jobs, derive_dev=derive_dev)


def load_split(folder: str | Path, split: str | None, usual: str) -> tuple[Corpus, str]:
    """A corpus and the name of the split to recognise in it: `split`, or `usual` where it is None.

    A single table or manifest without splits is recognised whole then: nothing is set aside of it.
    """
    corpus = load_corpus(folder)
    if split is None and Path(folder).is_file() and not corpus.has_own(usual):
        whole = corpus.undivided()
        if len(whole.splits) == 1:
            return whole, whole.splits[0]
    return corpus, split or usual
