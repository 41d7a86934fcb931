"""A model and the dev split in; losses, error rates, samples and attention weights out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch

from las_cli.decoding.ctc_search import greedy_ctc
from las_cli.decoding.decode import search, texts_of
from las_cli.decoding.decoder import Decoder
from las_cli.decoding.heard import Heard
from las_cli.decoding.options import DecodingOptions
from las_cli.errors import LasError
from las_cli.network.device import autocast
from las_cli.network.las import LAS, Output
from las_cli.text import Units
from las_cli.training.data import Batch
from las_cli.training.losses import alignment_health, losses
from las_cli.training.samples import Sample, pictured, spread

# The likeliest next letter each time, as bare as the training knows it.
SPELLER_ALONE = DecodingOptions(
    search="greedy", ctc_weight=0.0, lm_weight=0.0, repeat_guard=False, word_times=False
)
MOST_FAILED = 0.1  # of the dev clips
PRECISION_NAMES = {torch.float32: "float32", torch.bfloat16: "bf16", torch.float16: "float16"}


@dataclass(frozen=True)
class GroupRates:
    """Error rates of one group of clips."""

    clips: int
    ler: float  # speller, letters
    wer: float  # speller, words
    ctc_ler: float  # CTC head alone, letters; NaN without one


@dataclass(frozen=True)
class Validation:
    """How good a model is on the dev split, greedily and without a language model."""

    ler: float  # speller, letters
    wer: float  # speller, words
    ctc_ler: float  # CTC head alone, letters; NaN without one
    attention_loss: float  # nats a letter, without smoothing
    ctc_loss: float  # nats a letter
    diagonal: float  # of the attention, 0 … 1
    sharp: float  # of the attention, 0 … 1
    samples: list[Sample] = field(default_factory=list)  # for samples.txt
    pictured: list[Sample] = field(default_factory=list)  # with attention weights, to be drawn
    failed: list[str] = field(default_factory=list)  # clips left out, each with its reason
    groups: dict[str, GroupRates] = field(default_factory=dict)  # by `--dev-by`, by name

    @property
    def mean_ler(self) -> float:
        """What the best model is chosen by: the mean over groups, of one group its LER."""
        return mean_of_groups(self.groups) if self.groups else self.ler


def mean_of_groups(groups: Mapping[str, GroupRates]) -> float:
    """Mean letter error rate of the groups, each counting alike; NaN of none."""
    return sum(rates.ler for rates in groups.values()) / len(groups) if groups else math.nan


def gap(dev: Mapping[str, GroupRates], train: Mapping[str, GroupRates]) -> float:
    """Mean LER of dev over that of training clips, of the groups that both have; NaN of none."""
    shared = sorted(dev.keys() & train.keys())
    heard = mean_of_groups({name: train[name] for name in shared})
    return mean_of_groups({name: dev[name] for name in shared}) / heard if heard else math.nan


@torch.no_grad()
def validate(
    model: LAS,
    batches: Iterable[Batch],
    units: Units,
    device: torch.device,
    precision: torch.dtype,
    samples: int = 8,
    groups: Mapping[str, str] | None = None,
) -> Validation:
    """Runs `model` over `batches`; keeps `samples` utterances spread evenly over the split.

    groups: the group of each clip by its id, to be measured apart.
    LasError if more than `MOST_FAILED` of the clips cannot be read: what is left is another split,
    and its rates would be taken for those of a better or a worse model.
    """
    from las_cli.scoring import score_pairs

    options = replace(SPELLER_ALONE, precision=PRECISION_NAMES[precision])
    decoder = Decoder(model, units, options)
    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    health: list[tuple[float, float]] = []
    kept: list[Sample] = []
    ctc_texts: list[str] = []
    failed: list[str] = []
    for batch in batches:
        failed += batch.failed
        if not batch.heard:
            continue
        batch = batch.to(device)
        with autocast(device, precision):
            states, steps = model.listen(batch.waveforms, batch.lengths)
            logits, weights = model.speller(batch.letters, model.speller.remember(states, steps))
            log_probs = model.ctc_log_probs(states) if model.has_ctc else None
            output = Output(logits, weights, log_probs, steps)
            heard = Heard(states, steps, None, (0.0,) * len(steps))
            written = texts_of(search(decoder, heard))
        batch_losses = losses(output, batch.letters, batch.letter_lengths)
        sums += torch.stack(
            [batch_losses.attention, batch_losses.ctc, batch_losses.letters.float()]
        ).double().cpu()  # fmt: skip
        health.append(alignment_health(output.weights, batch.letter_lengths + 1, output.lengths))
        if output.ctc is not None:
            ctc_texts += [units.decode(ids) for ids in greedy_ctc(output.ctc, output.lengths)]
        for row, text in enumerate(batch.texts):
            letters, size = int(batch.letter_lengths[row]) + 1, int(output.lengths[row])
            kept.append(
                Sample(
                    batch.ids[row],
                    text,
                    written[row],
                    output.weights[row, :letters, :size].half().cpu(),
                    model.config.step_seconds,
                )
            )
    model.train(was_training)
    if len(failed) > MOST_FAILED * (len(failed) + len(kept)):
        raise LasError(
            f"{len(failed)} of {len(failed) + len(kept)} dev clips cannot be read, the first: "
            f"{failed[0]}; see to it, then go on with --resume"
        )
    references = [sample.true_y for sample in kept]
    score = score_pairs(references, [sample.pred_y for sample in kept], normaliser="none")
    ctc = score_pairs(references, ctc_texts, normaliser="none") if ctc_texts else None
    total = max(1.0, float(sums[2]))
    return Validation(
        ler=score.letters.rate,
        wer=score.words.rate,
        ctc_ler=ctc.letters.rate if ctc else float("nan"),
        attention_loss=float(sums[0]) / total,
        ctc_loss=float(sums[1]) / total,
        diagonal=sum(d for d, _ in health) / max(1, len(health)),
        sharp=sum(s for _, s in health) / max(1, len(health)),
        samples=spread(kept, samples),
        pictured=pictured(kept),
        failed=failed,
        groups=rates_by_group(kept, ctc_texts, groups) if groups else {},
    )


def rates_by_group(
    samples: list[Sample], ctc_texts: list[str], groups: Mapping[str, str]
) -> dict[str, GroupRates]:
    """Error rates of each group of `samples`; ctc_texts: what CTC alone wrote, or nothing."""
    from las_cli.scoring import score_pairs

    members: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        members.setdefault(groups[sample.id], []).append(index)
    rates = {}
    for name, indices in sorted(members.items()):
        references = [samples[i].true_y for i in indices]
        score = score_pairs(references, [samples[i].pred_y for i in indices], normaliser="none")
        ctc = math.nan
        if ctc_texts:
            alone = [ctc_texts[i] for i in indices]
            ctc = score_pairs(references, alone, normaliser="none").letters.rate
        rates[name] = GroupRates(len(indices), score.letters.rate, score.words.rate, ctc)
    return rates
