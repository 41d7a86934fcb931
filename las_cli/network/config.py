"""What a network is made of: frozen dataclasses saved as JSON, and the presets."""

from __future__ import annotations

import dataclasses
import math
import typing
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from las_cli.audio.analysis import SAMPLE_RATE, FeatureConfig
from las_cli.errors import LasError

PRECISIONS = ("auto", "float32", "bf16", "float16")  # of the arithmetic; auto: as the device likes


@dataclass(frozen=True)
class ListenerConfig:
    """Pyramidal bidirectional LSTM (Chan et al. 2016, §3.1)."""

    front_end: str = "conv"  # "conv": two strided convolutions, 4 × fewer frames; or "none"
    channels: int = 32  # of the convolutions
    hidden: int = 320  # H, each direction
    reductions: tuple[int, ...] = (1, 1, 1)  # frames joined before each BLSTM layer
    norm: bool = True  # layer normalisation behind each layer
    dropout: float = 0.1  # behind each layer

    @property
    def reduction(self) -> int:
        """Feature frames per listener step."""
        product = 4 if self.front_end == "conv" else 1
        for factor in self.reductions:
            product *= factor
        return product

    @property
    def first_frame(self) -> float:
        """The feature frame, or the place between two, in the middle of the first listener step."""
        joined = math.prod(self.reductions)
        # A convolution of stride 2 and width 3 is centred on every second frame from the first on;
        # neighbours that are joined have their middle between them.
        return (joined - 1) / 2 * (self.reduction // joined)

    @property
    def told(self) -> str:
        """The listener in a few words."""
        return (
            f"{self.front_end} front end, {len(self.reductions)} BLSTM layers of {self.hidden} "
            "each way"
        )


@dataclass(frozen=True)
class AttentionConfig:
    """How the speller looks at the listener's states."""

    kind: str = "content"  # "content" (Vaswani et al. 2017) or "location" (Chorowski et al. 2015)
    heads: int = 4
    size: int = 320  # of keys, values and the context, all heads together
    channels: int = 10  # location: filters over the previous weights
    kernel: int = 100  # location: width of these filters on each side, steps


@dataclass(frozen=True)
class SpellerConfig:
    """LSTM letter decoder (Chan et al. 2016, §3.2)."""

    form: str = "parallel"  # "parallel": all letters at once in training; "feeding": input feeding
    embedding: int = 128  # of a letter
    hidden: int = 448  # H
    layers: int = 2  # parallel: first below, the others above the attention
    dropout: float = 0.1


@dataclass(frozen=True)
class LASConfig:
    """A Listen, Attend and Spell network."""

    units: int = 0  # V, with blank and end of sentence; known once the alphabet is
    features: FeatureConfig = field(default_factory=FeatureConfig)
    listener: ListenerConfig = field(default_factory=ListenerConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    speller: SpellerConfig = field(default_factory=SpellerConfig)
    ctc: bool = True  # a CTC head on the listener (Kim et al. 2017)

    def __post_init__(self) -> None:
        listener, attention, speller = self.listener, self.attention, self.speller
        features = self.features
        _check(
            features.sample_rate == SAMPLE_RATE,
            f"features.sample_rate is {features.sample_rate}, sound is read at {SAMPLE_RATE} Hz",
        )
        _check(
            0.001 <= features.hop_seconds <= features.window_seconds <= 0.5,
            "features: the hop must be at least 1 ms and at most the window, that at most 0.5 s",
        )
        _check(
            0 <= features.low_hz < features.high_hz <= features.sample_rate / 2,
            "features: expected 0 ≤ low_hz < high_hz ≤ half the sample rate",
        )
        _check(
            0 <= features.quiet_db <= 120,
            f"features.quiet_db is {features.quiet_db}, expected 0 … 120 dB",
        )
        positive = {
            "features.mels": features.mels,
            "listener.channels": listener.channels,
            "listener.hidden": listener.hidden,
            "attention.heads": attention.heads,
            "attention.size": attention.size,
            "attention.channels": attention.channels,
            "attention.kernel": attention.kernel,
            "speller.embedding": speller.embedding,
            "speller.hidden": speller.hidden,
            "speller.layers": speller.layers,
        }
        for name, value in positive.items():
            _check(0 < value <= 65_536, f"{name} is {value}, expected 1 … 65536")
        _check(0 <= self.units <= 1_000_000, f"units is {self.units}, expected 0 … 1000000")
        _check(1 <= len(listener.reductions) <= 32, "listener.reductions needs 1 … 32 layers")
        _check(
            all(1 <= factor <= 8 for factor in listener.reductions),
            f"listener.reductions is {listener.reductions}, expected factors 1 … 8",
        )
        _check(listener.front_end in ("conv", "none"), "listener.front_end must be conv or none")
        _check(attention.kind in ("content", "location"), "attention.kind: content or location")
        _check(speller.form in ("parallel", "feeding"), "speller.form: parallel or feeding")
        _check(speller.layers <= 32, f"speller.layers is {speller.layers}, expected at most 32")
        for name, share in (
            ("listener.dropout", listener.dropout),
            ("speller.dropout", speller.dropout),
        ):
            _check(0 <= share < 1, f"{name} is {share}, expected 0 … 1")
        _check(
            attention.size % attention.heads == 0,
            f"attention.size {attention.size} is no multiple of {attention.heads} heads",
        )
        _check(
            speller.form == "feeding" or (attention.kind == "content" and speller.layers >= 2),
            "the parallel speller needs content attention and at least 2 layers",
        )

    @property
    def step_seconds(self) -> float:
        """Seconds of sound in one listener step."""
        return self.features.hop_seconds * self.listener.reduction

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> LASConfig:
        """The config that `to_json` described; LasError names what is missing, new or off."""
        config = build(cls, data, "network")
        assert isinstance(config, LASConfig)
        return config


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise LasError(f"network config: {message}")


def build(kind: type, data: Any, where: str) -> Any:
    """A frozen dataclass from JSON, nested ones and tuples too, each field's type checked.

    Raises LasError naming the field. Missing fields take their default, so configs of older
    versions load; unknown fields are an error, since they would silently change the meaning.
    """
    if not isinstance(data, dict):
        raise LasError(f"{where} config: expected an object, found {type(data).__name__}")
    types = typing.get_type_hints(kind)
    names = {f.name for f in dataclasses.fields(kind)}
    if unknown := sorted(set(data) - names):
        raise LasError(f"{where} config: unknown fields {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, value in data.items():
        wanted = types[name]
        if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
            values[name] = build(wanted, value, f"{where}.{name}")
        elif typing.get_origin(wanted) is tuple:
            inner = typing.get_args(wanted)[0]
            if not isinstance(value, list | tuple) or not all(_fits(v, inner) for v in value):
                raise LasError(f"{where} config: {name} must be a list of {inner.__name__}")
            values[name] = tuple(value)
        elif typing.get_origin(wanted) is dict:
            if not isinstance(value, dict):
                raise LasError(f"{where} config: {name} must be an object")
            values[name] = dict(value)
        elif not _fits(value, wanted):
            raise LasError(f"{where} config: {name} is {value!r}, expected {wanted}")
        else:
            values[name] = float(value) if wanted is float else value
    return kind(**values)


def _fits(value: Any, wanted: Any) -> bool:
    options = typing.get_args(wanted) or (wanted,)
    for option in options:
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return value == value and abs(value) != float("inf")
        if option is int and isinstance(value, int) and not isinstance(value, bool):
            return True
        if option in (str, bool, type(None)) and isinstance(value, option):
            return True
    return False


FEATURES = FeatureConfig(quiet_db=30.0)  # of new models

# Parameters with 28 letters: seed 2.1, small 3.5, base 11.2, large 31.7 million.
PRESETS: MappingProxyType[str, LASConfig] = MappingProxyType(
    {
        # The sizes of the research code this grew from: the plain pyramid, input feeding.
        "seed": LASConfig(
            features=FEATURES,
            listener=ListenerConfig(front_end="none", hidden=128, reductions=(2, 2), norm=False),
            attention=AttentionConfig(heads=1, size=128),
            speller=SpellerConfig(form="feeding", hidden=256, layers=2),
        ),
        "small": LASConfig(
            features=FEATURES,
            listener=ListenerConfig(hidden=192, reductions=(1, 1)),
            attention=AttentionConfig(size=192),
            speller=SpellerConfig(hidden=256, embedding=64),
        ),
        "base": LASConfig(features=FEATURES),
        "large": LASConfig(
            features=FEATURES,
            listener=ListenerConfig(hidden=512, reductions=(1, 1, 1, 1), dropout=0.2),
            attention=AttentionConfig(heads=8, size=512),
            speller=SpellerConfig(hidden=640, dropout=0.2),
        ),
    }
)
