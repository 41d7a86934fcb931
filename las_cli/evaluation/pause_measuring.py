"""A corpus with punctuated texts and a recogniser in; how long pauses are at each mark out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from las_cli.corpus import load_split, read_cut
from las_cli.decoding.forced_alignment import align_ctc, place_words
from las_cli.decoding.heard import listen
from las_cli.errors import LasError
from las_cli.evaluation.decode_split import batches_by_length
from las_cli.padding import pad_waveforms
from las_cli.sharing.find import load_model
from las_cli.text import normalise
from las_cli.text.marks import read_marked
from las_cli.written.pauses import PauseTable, count_pauses

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from las_cli.saved_model.folder import LoadedModel

SPLIT = "train"
MOST_CLIPS = 2000  # with a mark inside; more tell nothing new
BATCH_SECONDS = 60.0  # of padded sound heard at a time
FEWEST = 200  # pauses at marks, below which a table would say little


def measure_pauses(
    data: Path, model: str, tell: Callable[[str], None] = lambda sentence: None
) -> PauseTable:
    """The pauses behind the words of the clips in `data` that have a mark inside, by forced
    alignment with `model`; of its split train, where it has splits.

    LasError where the model has no CTC head, or too few clips have such texts.
    """
    loaded = load_model(model, "cpu")
    if not loaded.model.has_ctc:
        raise LasError(f"{model}: has no CTC head, so it cannot align texts; name another model")
    corpus, split = load_split(data, None, SPLIT)
    cuts = []
    for cut in corpus.cuts(split):
        text = cut.supervisions[0].text if cut.supervisions else ""
        if any(mark for *_, mark in read_marked(text or "")[:-1]):
            cuts.append(cut)
        if len(cuts) == MOST_CLIPS:
            break
    found = list(_pauses(loaded, cuts))
    marks = sum(mark != "" for mark, _ in found)
    if marks < FEWEST:
        raise LasError(
            f"{data}: {marks} marks inside clips could be heard, at least {FEWEST} are needed; "
            "name a corpus whose texts have punctuation"
        )
    tell(f"{len(cuts):,} clips, {marks:,} marks: how long pauses are")
    return count_pauses(found)


@torch.inference_mode()
def _pauses(loaded: LoadedModel, cuts: Sequence[Cut]) -> Iterator[tuple[str, float]]:
    config = loaded.model.config
    rate = config.features.sample_rate
    for batch in batches_by_length([cut.duration for cut in cuts], BATCH_SECONDS):
        sounds: list[tuple[Cut, Tensor]] = []
        for place in batch:
            try:
                sounds.append((cuts[place], read_cut(cuts[place], rate)))
            except LasError:  # one clip among many that are alike
                continue
        if not sounds:
            continue
        heard = listen(loaded.model, *pad_waveforms([sound for _, sound in sounds]))
        for row, (cut, _) in enumerate(sounds):
            utterance = heard.utterance(row)
            words = read_marked(cut.supervisions[0].text or "")
            text = normalise(" ".join(word for word, *_ in words), loaded.policy)
            if len(text.split()) != len(words) or loaded.alphabet.unknown(text):
                continue
            assert utterance.log_probs is not None
            units = loaded.alphabet.encode(text)
            spans = align_ctc(utterance.log_probs, units)
            if spans is None:
                continue
            found = place_words(
                units, spans, loaded.alphabet, config.step_seconds, utterance.seconds
            )
            if len(found) != len(words):
                continue
            for word, own, after in zip(words, found, found[1:], strict=False):
                yield word[2], after.start - own.end
