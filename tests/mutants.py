"""One-line faults in a copy of the tree in; which of them no test notices out.

    python tests/mutants.py                       all of them, about ten minutes of two cores
    python tests/mutants.py --only end-margin     one, or several (`--only` may be repeated)
    python tests/mutants.py --list                what there is; stale ones are marked

A fault is a piece of text that stands once in a module, and what takes its place. Each is put into
a copy of the working tree, and the tests that should notice are run there. A fault that lives is
one that a later change may make unseen: write the test that kills it. Exit code 1 if any lives.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "las_cli"
BUSY = 120  # seconds of processor time; a fault that never ends is noticed
TIMEOUT = 1200.0  # seconds; so is one that waits, however busy the machine is
PRELOADED = ("pytest", "hypothesis", "torch", "torchaudio", "lhotse", "matplotlib.figure")
LARGE = 2**20  # bytes; larger files are linked, not copied


class Mutant(NamedTuple):
    """A fault, and who should notice it."""

    name: str
    module: str  # dotted, below the package
    old: str  # stands exactly once in the module
    new: str
    tests: str  # files or folders below tests/, or single tests, parted by spaces


MUTANTS = [
    # Sound
    Mutant("mel-floor", "audio.features", "PEAK_RANGE = 1e-8", "PEAK_RANGE = 1e-4",
           "audio/test_features.py"),
    Mutant("length-mask", "padding", "[None] < lengths[:, None]",
           "[None] <= lengths[:, None]", "audio/test_features.py network/test_las.py"),
    Mutant("frame-count", "audio.features", 'rounding_mode="floor") + 1', 'rounding_mode="floor")',
           "audio/test_features.py network/test_las.py"),
    Mutant("quiet-frames", "audio.features", "10 ** (-self.config.quiet_db / 10)",
           "10 ** (-self.config.quiet_db / 20)", "audio/test_features.py"),
    Mutant("resampler-seam", "audio.resampling", "self._right = self._left + terms_in",
           "self._right = 0", "audio/test_resampling.py"),
    Mutant("mixed-down", "audio.downmixing", "mean = sound.mean(dim=1)", "mean = sound[:, 0]",
           "audio/test_reader.py"),
    Mutant("upside-down", "audio.downmixing", "LEAST_SHARE = 0.25", "LEAST_SHARE = 0.0",
           "audio/test_mixing.py"),
    Mutant("joined-files", "audio.part_finding", "parts += last.parts", "parts = list(last.parts)",
           "audio/test_parts.py"),
    Mutant("ogg-gap", "audio.ogg_pages", "SHORTEST_GAP = 0.1", "SHORTEST_GAP = 1e9",
           "audio/test_parts.py"),
    Mutant("blocks-of-vorbis", "audio.ogg_pages", "total += (before + size) // 4",
           "total += (before + size) // 2", "audio/test_parts.py"),
    Mutant("flac-damage", "audio.flac_frames", "if frame.sample > sample:",
           "if frame.sample >= sample:", "audio/test_parts.py"),
    Mutant("crashed-recorder", "audio.plain_headers", "if real - told <= LEAST",
           "if real - told >= LEAST", "audio/test_parts.py"),
    Mutant("stream-without-end", "audio.plain_headers", "if told >= OPEN_END and", "if False and",
           "audio/test_parts.py"),
    Mutant("aac-of-two-rates", "audio.media_joins", "if kind != before and", "if not before and",
           "audio/test_media_joins.py"),
    Mutant("links-of-ogg", "audio.media_joins", "if begins and not opening:", "if begins:",
           "audio/test_media_joins.py"),
    Mutant("mp3-tag", "audio.mpeg_frames", "if not told:", "if False:", "audio/test_parts.py"),
    Mutant("speller-alone", "transcribe.doubt", "and not ctc >=", "or not ctc >=",
           "transcribe/test_doubt.py"),
    Mutant("short-clip-voice", "audio.segmentation", "has_speech(whole, options)", "True",
           "audio/test_segmentation.py"),
    Mutant("odd-byte", "audio.reader", "data, rest = data[:even], data[even:]",
           'data, rest = data[:even], b""', "audio/test_reader.py"),
    Mutant("unsigned-pcm", "audio.sources", "offset = 128.0 if", "offset = 0.0 if",
           "audio/test_sources.py"),
    Mutant("vad-context", "audio.voice_activity", "samples[-_CONTEXT:].clone()",
           "samples[:_CONTEXT].clone()", "audio/test_segmentation.py"),
    Mutant("vad-gain", "audio.voice_activity", "LARGEST_GAIN = 10 ** (50 / 20)",
           "LARGEST_GAIN = 10 ** (20 / 20)", "audio/test_segmentation.py"),
    Mutant("shortest-piece", "audio.segmentation", "SHORTEST_PIECE = 3.0", "SHORTEST_PIECE = 0.0",
           "audio/test_segmentation.py"),
    Mutant("cut-in-longest-pause", "audio.segmentation", "max(gaps, key=lambda gap: gap[1]",
           "min(gaps, key=lambda gap: gap[1]", "audio/test_segmentation.py"),
    Mutant("speech-padding", "audio.segmentation", "padding: float = 0.2", "padding: float = 0.0",
           "audio/test_segmentation.py"),
    Mutant("quiet-edges", "audio.augmentation", "pieces.square().sum(1).argmin()",
           "pieces.square().sum(1).argmax()", "audio/test_features.py"),
    Mutant("time-masks", "audio.augmentation", "lengths * self.time_share", "lengths * 1.0",
           "audio/test_augmentation.py"),
    Mutant("hidden-files", "transcribe.inputs", 'and not path.name.startswith(".")', "",
           "transcribe/test_inputs.py"),
    # Corpora
    Mutant("ctc-room", "text.units", "zip(units, units[1:], strict=False)",
           "zip(units, units[2:], strict=False)", "corpus/test_checks.py"),
    Mutant("declared-length", "corpus.checks", "declared * 0.95", "declared * 0.5",
           "corpus/test_checks.py"),
    Mutant("held-out-speakers", "corpus.held_out", "<= 2 * goal", "<= 20 * goal",
           "corpus/test_held_out.py"),
    Mutant("speaker-shared", "corpus.sieve", "if found.shares_speaker(row.speaker):", "if False:",
           "corpus/test_prepare.py"),
    Mutant("same-sound", "corpus.sieve", "if sound in self._sounds:", "if False:",
           "corpus/test_prepare.py"),
    Mutant("piece-start", "corpus.cuts", "start = min(utterance.start, header.seconds)",
           "start = 0.0", "corpus/test_cuts.py corpus/test_layouts.py"),
    Mutant("shard-offset", "corpus.shards", "int(tar.offset) - padded", "int(tar.offset)",
           "corpus/test_manifests.py"),
    Mutant("streamed-flac", "corpus.headers", "header.frames > UNKNOWN_FRAMES",
           "False",
           "corpus/test_inspection.py"),
    Mutant("dotless-i", "text.normalise", 'text.replace("I", "ı")', "text",
           "text/test_text.py"),
    Mutant("composed-text", "corpus.utterance", 'unicodedata.normalize("NFC", text)',
           'unicodedata.normalize("NFD", text)',
           "corpus/test_common_voice.py corpus/test_layouts.py"),
    Mutant("clip-durations", "corpus.common_voice", "int(milliseconds) / 1000", "int(milliseconds)",
           "corpus/test_common_voice.py"),
    Mutant("end-column", "corpus.corpus_tables", "round(ends - begins, 6)", "round(ends, 6)",
           "corpus/test_layouts.py"),
    Mutant("librispeech-gender", "corpus.librispeech", '{"F": "female", "M": "male"}',
           '{"F": "male", "M": "female"}', "corpus/test_layouts.py"),
    Mutant("ljspeech-read-out", "corpus.ljspeech", "text=texts[-1] or texts[0]",
           "text=texts[0]", "corpus/test_layouts.py"),
    Mutant("stale-findings", "corpus.inspection",
           "(known.size, known.changed) == (status.st_size, status.st_mtime_ns)",
           "known.size == status.st_size", "corpus/test_inspection.py"),
    # Text
    Mutant("quotation-marks", "text.normalise", "word.strip(\"'\")", "word", "text/test_text.py"),
    Mutant("unseen-letters", "text.normalise", '_UNSEEN.sub("", text)', "text",
           "text/test_text.py"),
    Mutant("rare-letters", "text.alphabet", "if count >= minimum", "if count > 0",
           "text/test_text.py"),
    Mutant("piece-ids", "text.wordpieces", "[FIRST + i - 1 for i", "[FIRST + i for i",
           "text/test_text.py"),
    # Network
    Mutant("forget-gates", "network.las", "parameter[size : 2 * size] = 1.0",
           "parameter[size : 2 * size] = 0.0", "network/test_las.py"),
    Mutant("conv-padding", "network.listener",
           "maps = maps * length_mask(lengths, maps.shape[2])[:, None, :, None]", "pass",
           "network/test_las.py"),
    Mutant("reversal", "network.listener", "lengths[:, None] - 1 - index", "steps - 1 - index",
           "network/test_las.py"),
    Mutant("states-behind-the-end", "network.listener",
           "both * length_mask(lengths, both.shape[1])[..., None], lengths", "both, lengths",
           "network/test_las.py network/test_listener.py"),
    Mutant("attention-scale", "network.attention", "queries.shape[-1] ** -0.5",
           "queries.shape[-1] ** -1.0", "network/test_attention.py"),
    Mutant("attention-mask", "network.attention", 'None, None], float("-inf")', "None, None], 0.0",
           "network/test_las.py"),
    Mutant("first-weights", "network.attention", "even = memory.mask.float() /",
           "even = 0 * memory.mask.float() /", "network/test_attention.py"),
    Mutant("attention-place", "network.attention", "memory.keys[:, :, None] + queries + place",
           "memory.keys[:, :, None] + queries", "network/test_las.py network/test_attention.py"),
    Mutant("location-forgotten", "network.speller", "(*layers, context, weights), weights.mean(2)",
           "(*layers, context, state[3]), weights.mean(2)", "network/test_speller.py"),
    Mutant("context-not-fed", "network.speller", "state[2].to(letters.dtype)",
           "0 * state[2].to(letters.dtype)", "network/test_speller.py"),
    Mutant("blank-logit", "network.speller", "BLANK_LOGIT = -1e4", "BLANK_LOGIT = 0.0",
           "network/test_las.py"),
    Mutant("beam-reorder", "network.speller", "tensor[rows, parents] for tensor in state",
           "tensor[rows, parents * 0] for tensor in state", "network/test_las.py"),
    Mutant("sampling", "network.speller", "torch.rand(own.shape, device=own.device) < share",
           "torch.rand(own.shape, device=own.device) > share", "network/test_las.py"),
    Mutant("step-seconds", "network.config", "product *= factor", "product += factor",
           "network/test_las.py"),
    # Training
    Mutant("guide-window", "training.losses", "GUIDE_WINDOW = 4", "GUIDE_WINDOW = 0",
           "training/test_losses.py"),
    Mutant("smoothing-spread", "training.losses", "log_probs[..., BLANK + 1 :].mean(-1)",
           "log_probs.mean(-1)", "training/test_losses.py"),
    Mutant("end-of-sentence-loss", "training.losses", "counted = place <= lengths[:, None]",
           "counted = place < lengths[:, None]", "training/test_losses.py"),
    Mutant("average-warm-up", "training.moving_average",
           "decay = min(self.decay, (1 + step) / (10 + step))", "decay = self.decay",
           "training/test_moving_average.py"),
    Mutant("rate-floor", "training.schedule", "FLOOR = 0.02", "FLOOR = 0.2",
           "training/test_schedule.py"),
    Mutant("guide-fades", "training.schedule", "share / config.guide_until) if",
           "share) if", "training/test_schedule.py"),
    Mutant("early-stop", "training.schedule", "progress.since_best >= config.early_stop",
           "progress.since_best > config.early_stop", "training/test_schedule.py"),
    Mutant("resumed-pass", "training.data", "if update >= self.skip", "if update > self.skip",
           "training/test_data.py"),
    Mutant("speeds-by-epoch", "training.heard_length", "{seed} {epoch} {id}",
           "{seed} {id}", "training/test_data.py"),
    Mutant("heard-without-edges", "training.heard_length", "(samples + sum(edges))",
           "samples", "training/test_heard_length.py"),
    Mutant("insertions-as-deletions", "scoring.alignment",
           "longer = len(hypothesis) - len(reference)",
           "longer = len(reference) - len(hypothesis)", "scoring/test_counts.py"),
    Mutant("two-clips-of-one-id", "training.teacher", "if len(places) != 1:", "if not places:",
           "training/test_teacher.py"),
    Mutant("noise-ratio", "audio.noise", "10 ** (draw.uniform(*self.snr) / 10)",
           "10 ** (draw.uniform(*self.snr) / 20)", "audio/test_augmentation.py"),
    Mutant("room-at-full-speed", "training.text_filter", "cut.duration / max(self.config.speeds)",
           "cut.duration / min(self.config.speeds)", "training/test_text_filter.py"),
    Mutant("best-kept", "training.checkpoint", "for ler, path in rated[:keep_best] if",
           "for ler, path in rated[-keep_best:] if", "training/test_checkpoint.py"),
    Mutant("later-dropped", "training.checkpoint", '> step:\n            shutil.rmtree',
           '>= step:\n            shutil.rmtree', "training/test_checkpoint.py"),
    Mutant("random-state", "training.loop",
           "torch.set_rng_state(saved.random[self.processes.rank])", "pass",
           "training/test_loop.py::test_kill_minus_nine_loses_nothing"),
    Mutant("two-processes", "training.loop", "self.processes.world / float(totals[0])",
           "1 / float(totals[0])", "training/test_loop.py::test_two_processes_train_like_one"),
    Mutant("plateau", "training.loop", "progress.rate_scale / 2, 0", "progress.rate_scale, 0",
           "training/test_loop.py::test_the_rate_is_halved_where_the_dev_split_gets_no_better"),
    Mutant("average-released", "training.checkpoint_mean", "paths = paths[-last:]",
           "paths = paths[:last]",
           "training/test_checkpoint_mean.py"),
    Mutant("letters-moved", "training.setup", "parameter[mine] = given[its]",
           "parameter[mine] = given[mine]",
           "training/test_setup.py"),
    Mutant("broken-dev-clips", "training.validation", "MOST_FAILED = 0.1", "MOST_FAILED = 1.0",
           "training/test_bad_input.py"),
    # Adapting
    Mutant("pull-back", "training.starting_point", "rate * self.strength", "rate",
           "training/test_starting_point.py"),
    Mutant("only-norms", "training.starting_point", 'moves == "listener" or', "True or",
           "training/test_starting_point.py"),
    Mutant("judged", "training.loop", "replace(result, ler=ler, wer=wer)", "result",
           "training/test_loop.py"),
    Mutant("check-tail", "adaptation.division", "for cut in reversed(cuts[1:]):",
           "for cut in cuts[1:]:", "adaptation/test_division.py"),
    Mutant("check-shares-sentences", "adaptation.division",
           "if cut_text(cut, policy) not in said]", "]", "adaptation/test_division.py"),
    Mutant("rival-texts", "adaptation.fitting", "nats[1:].median()", "nats[1:].min()",
           "adaptation/test_fitting.py"),
    Mutant("share-of-the-way", "adaptation.blending", ".lerp(weight.float(), share)",
           ".lerp(weight.float(), 1 - share)", "adaptation/test_blending.py"),
    Mutant("no-better-model", "adaptation.outcome", "return ler < 0 and wer <= 0", "return True",
           "adaptation/test_adapt.py"),
    Mutant("search-forgotten", "training.setup", "plan = replace(plan, decoding=other.decoding)",
           "pass", "adaptation/test_adapt.py"),
    # Language models
    Mutant("lm-blank", "language.letter_lm", "blank[BLANK] = BLANK_LOGIT", "blank[BLANK] = 0.0",
           "language/test_letter_lm.py"),
    Mutant("word-begins-afresh", "language.mixed_lm",
           "after[..., self.words.space] = self._prior", "pass", "language/test_mixed_lm.py"),
    Mutant("mixture", "language.mixed_lm", "logsigmoid(-odds) + scores",
           "logsigmoid(odds) + scores", "language/test_mixed_lm.py"),
    Mutant("user-share", "language.ngram_merging", "weights = (1 - share, share)",
           "weights = (share, 1 - share)", "language/test_ngram_merging.py"),
    Mutant("user-rest", "language.ngram_merging", "max(0.0, 1 - float(alone.sum()))", "0.0",
           "language/test_ngram_merging.py"),
    Mutant("belief", "language.mixing", "+ PRIOR * BELIEF) /", ") /", "language/test_mixed_lm.py"),
    Mutant("kneser-ney", "language.ngram_tables", "1 - 2 * y * n2 / n1", "1 - y * n2 / n1",
           "language/test_word_ngrams.py"),
    Mutant("continuation-counts", "language.ngram_tables", "np.where(starts, times,",
           "np.where(starts | True, times,", "language/test_word_ngrams.py"),
    Mutant("counts-handed-down", "language.ngram_tables", "block.start] = 1", "block.start] = 2",
           "language/test_word_ngrams.py"),
    Mutant("pruned-contexts", "language.ngram_pruning", "lost = np.maximum(lost, found)",
           "lost = np.maximum(lost, -np.inf)", "language/test_ngram_pruning.py"),
    Mutant("entropy-of-others", "language.ngram_pruning", "left * grown", "whole * grown",
           "language/test_ngram_pruning.py"),
    Mutant("weight-of-backing-off", "language.ngram_pruning", "left(below * more)", "left(below)",
           "language/test_word_ngrams.py"),
    Mutant("sorted-runs", "language.spool", "int(np.searchsorted(samples, edge)) - 1",
           "int(np.searchsorted(samples, edge))", "language/test_spool.py"),
    Mutant("words-of-segments", "language.word_tokens", "before + index)", "index)",
           "language/test_word_tokens.py"),
    Mutant("end-of-word", "language.word_lm", "ends * (1 - final)", "ends",
           "language/test_word_lm.py"),
    Mutant("damaged-tables", "language.word_store", "if (sums > 1.01).any():", "if False:",
           "language/test_word_store.py"),
    Mutant("foreign-alphabet", "language.store", 'data.get("alphabet") != alphabet.fingerprint',
           "False", "language/test_letter_lm.py"),
    Mutant("lm-resume", "language.lm_training", "if number < skip:", "if number < skip - 1:",
           "language/test_letter_lm.py"),
    Mutant("lm-held-out", "language.text", "% HELD_OUT == 0) == held_out",
           "% HELD_OUT == 0) >= held_out", "language/test_letter_lm.py language/test_train_lm.py"),
    # Searches
    Mutant("end-margin", "decoding.beam_search", "END_MARGIN = 10.0", "END_MARGIN = 1.0",
           "decoding/test_beam_search.py"),
    Mutant("bonus-letters", "decoding.beam_search", "BONUS_LETTERS = 5.0", "BONUS_LETTERS = 0.0",
           "decoding/test_beam_search.py"),
    Mutant("only-better-ends", "decoding.beam_search", "(ends > ended.total[:, -1:]).any()",
           "(ends > ended.total[:, -1:]).all()", "decoding/test_beam_search.py"),
    Mutant("greedy-has-no-beam", "decoding.search_table", "has_beam=False", "has_beam=True",
           "decoding/test_options.py decoding/test_searches.py"),
    Mutant("ctc-without-a-head", "decoding.search_table", "two_pass_search\", needs_ctc=True",
           "two_pass_search\", needs_ctc=False", "decoding/test_searches.py"),
    Mutant("ends-among-the-best", "decoding.beam_search",
           "barred |= ending < _kth_best", "barred &= ending < _kth_best",
           "decoding/test_beam_search.py"),
    Mutant("cap-where-nothing-ended", "decoding.beam_search",
           "late = at_cap & ended.total[:, 0].isfinite()", "late = at_cap & False",
           "decoding/test_beam_search.py"),
    Mutant("greedy-ctc-doubles", "decoding.ctc_search", "kept = (path != before) & (path > EOS)",
           "kept = path > EOS", "decoding/test_ctc_search.py"),
    Mutant("end-by-ctc", "decoding.joint", "END_BY_CTC = -3.0", "END_BY_CTC = 3.0",
           "decoding/test_searches.py"),
    Mutant("ctc-share", "decoding.options", '"attention": 1 - ctc', '"attention": 1.0',
           "decoding/test_joint.py decoding/test_options.py"),
    Mutant("lifted-by-the-internal", "decoding.options", "- LETTER_NATS * weights.get",
           "+ LETTER_NATS * weights.get", "decoding/test_options.py"),
    Mutant("ctc-alone", "decoding.options", "self.ctc_weight if self.kind.asks_speller else 1.0",
           "self.ctc_weight", "decoding/test_options.py"),
    Mutant("bonus-for-the-end", "decoding.joint", "self._letters + self._length)",
           "1 + self._length)", "decoding/test_joint.py"),
    Mutant("letter-by-ctc", "decoding.scorers", "(whole - before[:, None]).clamp(max=0.0)",
           "whole.clamp(max=0.0)", "decoding/test_joint.py"),
    Mutant("eos-threshold", "decoding.joint", "self.options.eos_threshold * best", "1.0 * best",
           "decoding/test_joint.py"),
    Mutant("candidates", "decoding.joint", "topk(tried, dim=-1)", "topk(1, dim=-1)",
           "decoding/test_joint.py"),
    Mutant("doubled-letter", "decoding.prefix_score",
           "scores.scatter(1, state.last[:, None], doubled[:, None])", "scores",
           "decoding/test_prefix_score.py"),
    Mutant("loop-limit", "decoding.repeats", "REPEATS = 4", "REPEATS = 5",
           "decoding/test_repeats.py"),
    Mutant("rescored-bonus", "decoding.rescoring", "scores, len(entry.units))", "scores, 0)",
           "decoding/test_searches.py decoding/test_rescoring.py"),
    Mutant("word-places", "decoding.forced_alignment", "spans[first].start - 0.5",
           "spans[first].start + 0.5", "decoding/test_forced_alignment.py"),
    Mutant("never-back", "decoding.forced_alignment", "reached, origin = torch.cummax(best, dim=0)",
           "reached, origin = best, torch.arange(steps)", "decoding/test_forced_alignment.py"),
    Mutant("letter-behind-a-word", "decoding.word_confidence", "scores[first : last + 1]",
           "scores[first:last]", "decoding/test_word_confidence.py"),
    Mutant("cross-fitted", "decoding.calibration", "if own != fold]", "if own == fold]",
           "decoding/test_calibration.py"),
    Mutant("folds-of-the-whole", "decoding.calibration", "group % FOLDS for group",
           "group * FOLDS // (1 + max(groups)) for group", "decoding/test_calibration.py"),
    Mutant("words-around", "decoding.word_confidence", "means[place + 1 : place + 2]",
           "means[place : place + 1]", "decoding/test_word_confidence.py"),
    Mutant("live-hypotheses", "decoding.beam_search", "best - options.beam_threshold",
           "best - 2 * options.beam_threshold", "decoding/test_beam_search.py"),
    Mutant("hopeless-hypotheses", "decoding.beam_search",
           "ended[:, options.nbest - 1] - _room(options)", "torch.full_like(best, -torch.inf)",
           "decoding/test_beam_search.py"),
    Mutant("twins-as-long", "decoding.recombination",
           "drop((keys[:, :, None] == keys[:, None]).tril(-1), 0)", "pass",
           "decoding/test_recombination.py"),
    Mutant("twins-that-are-longer", "decoding.recombination",
           "past_scores[:, None] > scores[:, :, None]", "past_scores[:, None] < scores[:, :, None]",
           "decoding/test_recombination.py"),
    Mutant("twins-that-are-shorter", "decoding.recombination",
           "drop(better, 0, self._past[0][2][parents])", "pass", "decoding/test_recombination.py"),
    Mutant("twin-of-its-own-past", "decoding.recombination",
           "same.scatter_(2, own[parents][:, :, None], False)", "pass",
           "decoding/test_recombination.py"),
    Mutant("distance-of-an-alternative", "decoding.lattice", "tuple(a - b for a, b in",
           "tuple(a for a, _ in", "decoding/test_recombination.py"),
    Mutant("alternative-is-the-parent", "decoding.lattice",
           "length - twins.worse_age[dropped]", "length - 0 * twins.worse_age[dropped]",
           "decoding/test_recombination.py"),
    Mutant("rows-of-left-utterances", "padding", "owner=number[self.owner], batch",
           "owner=self.owner % len(utterances), batch",
           "decoding/test_beam_search.py decoding/test_searches.py"),
    Mutant("bonus-taken-back", "decoding.hotword_tree",
           "kept + self._bonus[target] - self._bonus[state]", "kept + self._bonus[target]",
           "decoding/test_hotwords.py"),
    Mutant("held-bonus", "decoding.beam_search", "(padded - places.pad(step.held).flatten(1))",
           "padded", "decoding/test_hotwords.py"),
    Mutant("whole-words", "decoding.hotword_tree",
           "kept = self._gain[state] if _part(self._last[state], letter) else 0.0",
           "kept = self._gain[state]", "decoding/test_hotwords.py"),
    Mutant("paid-once", "decoding.hotword_tree",
           "own = max(0.0, self._gain[child] - paid[child])", "own = self._gain[child]",
           "decoding/test_hotwords.py"),
    Mutant("words-in-words", "decoding.hotword_tree", "while ended not in (ELSEWHERE, START):",
           "if ended not in (ELSEWHERE, START):", "decoding/test_hotwords.py"),
    Mutant("insertions-by-the-list", "benchmark.hotword_rates",
           "pair.reference if spoken else pair.hypothesis", "pair.reference",
           "benchmark/test_hotwords.py"),
    Mutant("rows-by-themselves", "network.packed_cells", "rows.abs().amax(1, keepdim=True)",
           "rows.abs().amax()", "network/test_packed_cells.py"),
    Mutant("packed-anew", "network.packed_cells", "or layers[key][0] != now", "or False",
           "network/test_packed_cells.py"),
    Mutant("pool-weights", "evaluation.pool", "lm_weight=weight, length", "lm_weight=own, length",
           "evaluation/test_tuning.py"),
    Mutant("middle-of-the-best", "evaluation.pool", "_mean_of_neighbours(torch.stack(rates))",
           "torch.stack(rates)", "evaluation/test_tuning.py"),
    Mutant("wider-beam-is-worth-it", "evaluation.tuning", "WORTH = 0.002", "WORTH = 0.2",
           "evaluation/test_tuning.py"),
    Mutant("too-short", "decoding.heard",
           "torch.cat(counts) * (lengths >= round(model.config.step_seconds * rate))",
           "torch.cat(counts)", "decoding/test_searches.py"),
    Mutant("batch-budget", "evaluation.decode_split",
           "seconds[batch[0]] * (len(batch) + 1) > budget",
           "seconds[batch[0]] * len(batch) > budget", "evaluation/test_decode_split.py"),
    # Scores
    Mutant("interval-tail", "scoring.bootstrap", "tail = (1 - confidence) / 2",
           "tail = (1 - confidence) / 4", "scoring/test_bootstrap.py"),
    Mutant("mean-word-rate", "scoring.score", "_mean_rate(*columns[name])",
           '_mean_rate(*columns["letters"])', "scoring/test_counts.py"),
    Mutant("insertions-as-reference", "scoring.counts",
           "return self.hits + self.substitutions + self.deletions",
           "return self.hits + self.substitutions + self.insertions", "scoring/test_counts.py"),
    Mutant("match-errors", "scoring.counts", "return self.hits + self.errors",
           "return self.reference", "scoring/test_metrics.py"),
    Mutant("nothing-written", "scoring.counts", "hits * hits + one_side", "hits * hits",
           "scoring/test_metrics.py"),
    Mutant("systems-by-part", "scoring.bootstrap", "for part in metric.parts for own in counts",
           "for own in counts for part in metric.parts", "scoring/test_bootstrap.py"),
    Mutant("rows-as-digits", "scoring.bootstrap", "tuple(rows.T), tuple(sizes)",
           "tuple(rows.T[::-1]), tuple(sizes[::-1])", "scoring/test_bootstrap.py"),
    Mutant("intervals-of-others", "scoring.rows", "bounds = intervals.get(metric.name)",
           'bounds = intervals.get("WER")', "scoring/test_metrics.py"),
    Mutant("improvement", "scoring.comparison", "(known < 0).mean()", "(known <= 0).mean()",
           "scoring/test_bootstrap.py"),
    Mutant("length-bins", "scoring.breakdown", "(4, 6), (7, 10)", "(4, 7), (8, 10)",
           "scoring/test_breakdown.py"),
    Mutant("one-speaker", "scoring.breakdown", "resamples if len(drawn) > 1 else 0", "resamples",
           "scoring/test_breakdown.py"),
    Mutant("middle-of-a-word", "scoring.timed", "middle = (word.start + word.end) / 2",
           "middle = word.start", "scoring/test_pairing.py scoring/test_timed.py"),
    Mutant("not-judged", "scoring.timed", "if _is_ignored(segment):", "if False:",
           "scoring/test_timed.py scoring/test_pairing.py"),
    Mutant("open-words", "scoring.choices", "(unit != words[place - 1])", "1",
           "scoring/test_choices.py"),
    Mutant("longest-reading", "scoring.choices", "return state[0], -state[1]",
           "return state[0], state[1]", "scoring/test_choices.py"),
    Mutant("a-turkish-name", "scoring.languages", "LEAST = 0.005", "LEAST = 0.0",
           "scoring/test_languages.py"),
    Mutant("utf-16-without-mark", "tables", "if len(head) == 8 and", "if False and",
           "test_tables.py"),
    Mutant("spreadsheets", "tables", 'max(",;', 'max(",', "test_tables.py"),
    Mutant("shared-file-names", "scoring.pairing", "if name in names:", "if False:",
           "scoring/test_pairing.py"),
    Mutant("confusion-order", "scoring.confusions", "(-error[2], error[0], error[1])",
           "(error[2], error[0], error[1])", "scoring/test_confusions.py"),
    Mutant("histogram-edges", "scoring.histogram", "100 * rate <= edge", "100 * rate < edge",
           "scoring/test_report.py"),
    Mutant("accuracy-counts-insertions", "scoring.pra", "counts.reference - counts.errors",
           "counts.hits", "scoring/test_report.py"),
    Mutant("worst-first", "scoring.report", "key=lambda e: e[:3], reverse=True",
           "key=lambda e: e[:3], reverse=False", "scoring/test_report.py"),
    Mutant("text-column", "scoring.records", "TEXT_NAMES[side] if usual",
           'TEXT_NAMES["reference"] if usual', "scoring/test_listings.py"),
    # Output
    Mutant("reading-speed", "output.subtitles", "comfortable_speed: float = 17.0",
           "comfortable_speed: float = 34.0", "output"),
    Mutant("cue-gap", "output.subtitles", "following - limits.gap,", "following,", "output"),
    Mutant("clock", "output.writers", "divmod(whole, 60_000)", "divmod(whole, 6_000)", "output"),
    Mutant("escaped", "output.writers", '.replace("<", "&lt;")', "", "output"),
    Mutant("names-of-one-case", "output.naming", "str(name)).casefold()", "str(name))",
           "output"),
    Mutant("page-runs-anything", "output.transcript_page", "script-src {_hash(script)}",
           "script-src 'unsafe-inline'", "output/test_transcript_page.py"),
    Mutant("page-ends-a-script", "output.transcript_page", '.replace("<", "\\\\u003c")', "",
           "output/test_transcript_page.py"),
    Mutant("page-holds-itself", "output.transcript_page", '"title": escape(title)',
           '"title": title', "output/test_transcript_page.py"),
    Mutant("page-links-any-name", "output.transcript_page", 'quote(os.fsencode(way.replace',
           '(os.fsencode(way.replace', "output/test_transcript_page.py"),
    Mutant("sound-too-large", "audio.playable", "and size <= most", "and size >= most",
           "output/test_transcript_page.py"),
    Mutant("sound-of-no-browser", "audio.playable", "if kind is not None or copy is None",
           "if kind is None or copy is None", "output/test_transcript_page.py"),
    Mutant("readings-of-a-page", "transcribe.transcriber", "min(most, options.width)", "1",
           "transcribe/test_command.py"),
    Mutant("out-of-the-folder", "output.naming", 'if part not in ("..", ".")', "if part",
           "output"),
    Mutant("half-a-file", "files", 'with temporary.open("wb") as file:',
           'with path.open("wb") as file:', "test_files.py"),
    # Sharing and model folders
    Mutant("hub-hash", "sharing.hub_client", "if not fits(partial, file.digest):", "if False:",
           "sharing/test_pull.py"),
    Mutant("hub-size", "sharing.hub_client", "self.file.tell() + len(data) > self.size", "False",
           "sharing/test_pull.py"),
    Mutant("hub-commit", "sharing.hub_client", "COMMIT.fullmatch(pinned) and commit != pinned",
           "False", "sharing/test_pull.py"),
    Mutant("hub-paths", "sharing.remote_files", 'or ".." in windows.parts', "",
           "sharing/test_pull.py"),
    Mutant("git-hash", "sharing.hashes", 'b"blob %d\\0"', 'b"blob %d"', "sharing/test_pull.py"),
    Mutant("private-paths", "sharing.upload", 'text.startswith(("/", "./",',
           'text.startswith(("./",', "sharing/test_push.py"),
    Mutant("zip-bomb", "sharing.research", "if size > 2 * path.stat().st_size + 2**20:",
           "if False:", "sharing/test_research.py"),
    Mutant("start-letter", "sharing.research", "letters[EOS] = letters[START]", "pass",
           "sharing/test_research.py"),
    Mutant("pickle-by-its-bytes", "saved_model.weights", 'return head == b"PK\\x03\\x04" or',
           "return False and", "saved_model/test_folder.py sharing"),
    Mutant("weights-shape", "saved_model.weights", "if found != list(wanted[name]):", "if False:",
           "saved_model/test_folder.py"),
    Mutant("asks-for-memory", "saved_model.weights", "needed > free:", "needed > 1e6 * free:",
           "saved_model/test_folder.py"),
    Mutant("newer-format", "saved_model.folder", 'if config.get("format") != FORMAT:',
           "if False:", "saved_model/test_folder.py"),
    Mutant("listed-hashes", "saved_model.folder", "config[HASHES] = {name:",
           "config[HASHES] = {name[1:]:",
           "saved_model/test_folder.py"),
    # Recordings
    Mutant("share-of-a-rank", "transcribe.worklist", "len(inputs), share.world_size)",
           "len(inputs))",
           "transcribe/test_command.py"),
    Mutant("skip-done", "transcribe.worklist", "return all(path.is_file()",
           "return any(path.is_file()",
           "transcribe/test_command.py"),
    Mutant("times-of-the-whole", "transcribe.transcriber",
           "min(piece.start + word.start, piece.end)",
           "min(word.start, piece.end)", "transcribe/test_transcriber.py"),
    Mutant("words-in-their-piece", "transcribe.transcriber",
           "min(piece.start + word.end, piece.end)",
           "piece.start + word.end", "transcribe/test_transcriber.py"),
    Mutant("order-of-workers", "transcribe.workers", "event._replace(place=places[event.place])",
           "event", "transcribe/test_workers.py"),
    Mutant("files-of-others", "ledger", "sha256_of(path) in (hashes or ())", "True",
           "test_ledger.py"),
    Mutant("shared-lock", "folder_lock", "fcntl.LOCK_EX |", "fcntl.LOCK_SH |",
           "test_folder_lock.py"),
    Mutant("orphans", "orphans", "wait([sentinel])", "return", "test_orphans.py"),
    # Command line
    Mutant("exit-code", "cli.main", "ctx.exit(error.exit_code)", "ctx.exit(1)",
           "cli/test_main.py"),
    Mutant("usage-error", "errors", "exit_code = 2", "exit_code = 1", "cli/test_main.py"),
    Mutant("decode-fails", "cli.decode", "if decoded.broken or unusable:", "if decoded.broken:",
           "cli/test_decode_and_tune.py"),
    Mutant("tuned-precision", "evaluation.tuning_run", "best, precision=own.precision,",
           "best,", "cli/test_decode_and_tune.py"),
    Mutant("worse-search", "evaluation.tuning_run", "if start.rate < tuner.attempt(best).rate:",
           "if False:", "evaluation/test_tuning.py"),
    Mutant("own-beam", "evaluation.tuning_run", "sorted({*beams, best.beam})", "beams",
           "evaluation/test_tuning.py"),
    Mutant("empty-update", "training.mixture", "if any(clips):", "if True:",
           "training/test_mixture.py"),
    Mutant("names-of-corpora", "training.plan", "list(self.names) or", "", "training/test_plan.py"),
    Mutant("silent-path", "decoding.ctc_search", "0.0 if units else score / max(1, steps)", "0.0",
           "decoding/test_ctc_search.py"),
    Mutant("written-form-goes-along", "adaptation.keeping",
           "copy_files(loaded, folder, (PUNCTUATION_WEIGHTS, PUNCTUATION))", "pass",
           "adaptation/test_adapt.py"),
    Mutant("bar-of-the-words", "adaptation.adapt", "ler, wer = error_rates(start)",
           "error_rates(start)", "adaptation/test_adapt.py"),
    Mutant("years-with-oh", "written.numbers", "return sorted([*numbers, *small]",
           "return sorted(numbers", "written/test_numbers.py"),
    Mutant("hidden-amx", "network.device", "and not _of_intel()", "",
           "network/test_bf16_hardware.py"),
    Mutant("right-words", "evaluation.tuning_run", 'if pair.kind != "deletion"',
           'if pair.kind != "insertion"', "evaluation/test_tuning.py"),
    Mutant("setting-of-another-type", "training.hyperparameters",
           "if kind == int | None else float",
           "if kind is None else float", "cli/test_training_settings.py"),
    Mutant("setting-twice", "cli.training_settings", "if name in chosen:\n            raise",
           "if not name:\n            raise", "cli/test_training_settings.py"),
    Mutant("former-spellings", "cli.common_options", "opts=self.formerly", "opts=self.opts",
           "cli/test_common_options.py"),
    Mutant("spread-clips", "corpus.cuts", "-(-len(cuts) // most)", "len(cuts) // most",
           "cli/test_common_options.py"),
    Mutant("read-twice", "cli.score", 'if inputs.count("-") > 1 or', "if",
           "scoring/test_command.py"),
    Mutant("all-formats-once", "cli.transcribe", "list(dict.fromkeys(names)) or", "names or",
           "transcribe/test_command.py"),
    Mutant("failed-recording", "cli.transcript_run", "worklist.fail(error)", "pass",
           "transcribe/test_command.py"),
    # The written form
    Mutant("mark-before", "written.punctuator", "[BEFORE_FIRST if start else 0, *marks[:-1]]",
           "[BEFORE_FIRST if start else 0, *marks[1:]]", "written/test_punctuator.py"),
    Mutant("words-behind", "written.punctuator", "ready and following < RIGHT",
           "ready and following < 1", "written/test_punctuator.py"),
    Mutant("stop-twice", "written.punctuator", 'text.endswith(".") and sign == "."',
           'text.endswith("?") and sign == "."', "written/test_punctuator.py"),
    Mutant("ellipsis", "text.marks", 'return "," if following.islower() else "."', 'return "."',
           "text/test_marks.py"),
    Mutant("marks-in-gaps", "scoring.written", "if None not in pair:", "if True:",
           "scoring/test_written.py"),
    Mutant("pause-bucket", "written.pauses", "place = bisect.bisect_right(self.edges, seconds)",
           "place = 0", "written/test_pauses.py"),
    Mutant("row-scale", "written.punctuation_store", "tensors.pop(name).float() * scale[:, None]",
           "tensors.pop(name).float() * scale.mean()", "written/test_store.py"),
    Mutant("year-halves", "written.numbers", "100 * int(before.value)", "10 * int(before.value)",
           "written/test_numbers.py"),
    Mutant("sentence-first", "output.subtitles", "cost -= SENTENCE_END", "cost -= OTHER_MARK",
           "output/test_written.py"),
]  # fmt: skip


class Verdict(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    lives: bool
    told: str  # by which test it was killed
    seconds: float


def file_of(mutant: Mutant, tree: Path) -> Path:
    """The file of a mutant's module in a copy of the tree."""
    path = tree.joinpath(PACKAGE, *mutant.module.split("."))
    package = path / "__init__.py"
    return package if package.is_file() else path.with_suffix(".py")


def staleness(mutant: Mutant, tree: Path = ROOT) -> str:
    """Why a mutant cannot be made any more; empty if it can."""
    path = file_of(mutant, tree)
    if not path.is_file():
        return f"there is no module {PACKAGE}.{mutant.module}"
    count = path.read_text(encoding="utf-8").count(mutant.old)
    if count != 1:
        return f"{mutant.old!r} stands {count} times in {PACKAGE}.{mutant.module}"
    missing = [test for test in mutant.tests.split() if not _tests_at(test, tree)]
    return f"there is no tests/{missing[0]}" if missing else ""


def _tests_at(test: str, tree: Path) -> bool:
    path, _, name = test.partition("::")
    file = tree / "tests" / path
    return file.exists() and (not name or f"def {name}(" in file.read_text(encoding="utf-8"))


def copy_tree(folder: Path) -> None:
    """The files that git knows or would take, in `folder`; large ones as links."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout  # fmt: skip
    for name in filter(None, os.fsdecode(listed).split("\0")):
        source, target = ROOT / name, folder / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_size > LARGE:
            target.symlink_to(source)
        else:
            shutil.copy2(source, target)


class Tester:
    """A copy of the tree, and a process that has imported what is slow to import.

    It forks for each run of pytest, which costs a tenth of a second in place of four.
    """

    def __init__(self, tree: Path) -> None:
        copy_tree(tree)
        check_import(tree)
        self.tree, self.log = tree, tree.parent / "said.txt"
        # The copy goes before the checkout that an editable install points to.
        environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve"], cwd=tree, env=environment,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, tests: list[str], timeout: float) -> tuple[int, str]:
        """pytest's exit code and what it said; code 1 where it hangs."""
        assert self._process.stdin is not None and self._process.stdout is not None
        job = {"tests": tests, "log": str(self.log), "timeout": timeout}
        print(json.dumps(job), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return code, self.log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve() -> None:
    """The other process of a `Tester`: a line of JSON in for each run, an exit code out."""
    sys.path[0] = os.getcwd()  # the copy; it was the folder of this file
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if not child:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (BUSY, BUSY))
            said = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            import pytest

            options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
            options += [f"--basetemp={Path(job['log']).with_name('tmp')}"]
            code = pytest.main([*options, *(f"tests/{test}" for test in job["tests"])])
            sys.stdout.flush()
            os._exit(int(code))
        print(_ended(child, job), flush=True)


def _ended(child: int, job: dict[str, Any]) -> int:
    """The exit code of a run once it has ended, all its processes with it."""
    began = time.monotonic()
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() - began > job["timeout"]:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            Path(job["log"]).write_text(f"FAILED no end within {job['timeout']:.0f} s\n")
            return 1
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a test has left behind
    return os.waitstatus_to_exitcode(ended[1])


def check_import(tree: Path) -> None:
    """SystemExit unless Python takes the package of the copy."""
    code = f"import {PACKAGE}; print({PACKAGE}.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tempfile.gettempdir(), check=True, capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": str(tree)},
    ).stdout.strip()  # fmt: skip
    if not Path(found).resolve().is_relative_to(tree.resolve()):
        raise SystemExit(f"{found} is imported in place of the copy in {tree}")


def try_mutant(mutant: Mutant, tester: Tester) -> Verdict:
    """Put one fault into a copy, run its tests, and take it out again."""
    path = file_of(mutant, tester.tree)
    right = path.read_text(encoding="utf-8")
    compiled = Path(importlib.util.cache_from_source(str(path)))
    began = time.monotonic()
    try:
        path.write_text(right.replace(mutant.old, mutant.new), encoding="utf-8")
        compiled.unlink(missing_ok=True)  # it may have the same size and second
        code, said = tester.run(mutant.tests.split(), TIMEOUT)
    finally:
        path.write_text(right, encoding="utf-8")
        compiled.unlink(missing_ok=True)
    lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    told = lines[0].split(" ", 1)[1].removeprefix("tests/").split(" - ")[0] if lines else ""
    return Verdict(mutant, code == 0, told or f"pytest exit code {code}", time.monotonic() - began)


def show_list(mutants: list[Mutant]) -> int:
    """All mutants in a table; exit code 1 if some are stale."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "module", "fault", "tests", box=None, pad_edge=False)
    stale = 0
    for mutant in mutants:
        why = staleness(mutant)
        stale += bool(why)
        fault = f"[red]stale: {_plain(why)}" if why else _plain(f"{mutant.old} → {mutant.new}")
        table.add_row(mutant.name, mutant.module, fault, mutant.tests)
    Console().print(table)
    print(f"{len(mutants)} mutants, {stale} stale")
    return int(stale > 0)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(" ".join(text.split()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="one mutant; repeatable")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--list", action="store_true", help="list them and run nothing")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return 0
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names), "two mutants of one name"
    if unknown := set(given.only or ()) - set(names):
        parser.error(f"no mutant {', '.join(sorted(unknown))}; see --list")
    chosen = [mutant for mutant in MUTANTS if not given.only or mutant.name in given.only]
    if given.list:
        return show_list(chosen)
    stale = [(mutant, why) for mutant in chosen if (why := staleness(mutant))]
    for mutant, why in stale:
        print(f"{mutant.name} is stale: {why}", file=sys.stderr)
    chosen = [mutant for mutant in chosen if mutant not in {one for one, _ in stale}]
    if not chosen:
        return 1
    with tempfile.TemporaryDirectory(prefix="las-mutants-") as folder:
        verdicts = try_all(chosen, Path(folder), max(1, given.jobs))
    return show(verdicts) or int(bool(stale))


def try_all(mutants: list[Mutant], folder: Path, jobs: int) -> list[Verdict]:
    """The verdicts on all mutants, each of `jobs` threads with a copy of the tree of its own.

    SystemExit if a test fails without any fault.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    count = min(jobs, len(mutants))
    testers = [Tester(folder / f"copy{number}" / "las") for number in range(count)]
    idle: queue.Queue[Tester] = queue.Queue()
    for tester in testers:
        idle.put(tester)

    def borrowed(work: Callable[[Tester], Any]) -> Any:
        tester = idle.get()
        try:
            return work(tester)
        finally:
            idle.put(tester)

    verdicts: list[Verdict] = []
    with ThreadPoolExecutor(count) as pool:
        tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests.split()))
        console.print(f"{len(tests)} files of tests without a fault …")
        plain = pool.map(lambda test: borrowed(lambda own: own.run([test], TIMEOUT)), tests)
        for test, (code, said) in zip(tests, plain, strict=True):
            if code:
                raise SystemExit(f"{said}\ntests/{test} fails without any fault: see to that first")
        console.print(f"{len(mutants)} faults …")
        tried = pool.map(lambda one: borrowed(lambda own: try_mutant(one, own)), mutants)
        for found in tried:
            verdicts.append(found)
            state = "[bold red]lives" if found.lives else "killed"
            console.print(f"{state} {found.mutant.name}", soft_wrap=True)
    for tester in testers:
        tester.close()
    return verdicts


def show(verdicts: list[Verdict]) -> int:
    """Table of what became of the mutants; exit code 1 if any lives."""
    from rich.console import Console
    from rich.table import Table

    table = Table("mutant", "module", "", "s", "by", box=None, pad_edge=False)
    for found in verdicts:
        table.add_row(
            found.mutant.name,
            found.mutant.module,
            "[bold red]lives" if found.lives else "killed",
            f"{found.seconds:.0f}",
            _plain(found.mutant.tests if found.lives else found.told),
        )
    lived = sum(found.lives for found in verdicts)
    console = Console()
    console.print(table)
    console.print(f"{len(verdicts)} mutants, {lived} lived")
    return int(lived > 0)


if __name__ == "__main__":
    sys.exit(main())
