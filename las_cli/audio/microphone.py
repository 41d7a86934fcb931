"""The microphone in, blocks at 16 kHz out, until Enter is pressed or the speaker pauses."""

from __future__ import annotations

import math
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from las_cli.audio.analysis import SAMPLE_RATE
from las_cli.audio.missing_sound import Missing
from las_cli.audio.reader import BLOCK_SECONDS
from las_cli.errors import LasError

if TYPE_CHECKING:
    import torch

BLOCK = 1600  # samples: what the microphone hands over at a time, a tenth of a second


class MicrophoneSource:
    """Records from the default microphone; it can be read once.

    Ends when `stop` is set, or `pause` seconds after the last speech; with no speech at all after
    `patience` seconds. Raises LasError without the package sounddevice or without a microphone.
    """

    name = "microphone"

    def __init__(self, pause: float = 2.0, patience: float = 30.0) -> None:
        self._device = _sounddevice()
        self._pause, self._patience = pause, patience
        self.flags: list[str] = []
        self.missing: list[Missing] = []
        self.duration = math.nan
        self.stop = threading.Event()

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Iterator[torch.Tensor]:
        """Mono float32 [S] at 16 kHz, as it is spoken."""
        import torch

        from las_cli.audio.voice_activity import VoiceActivity

        heard: queue.SimpleQueue[torch.Tensor] = queue.SimpleQueue()

        def take(data: Any, frames: int, time: Any, status: Any) -> None:
            heard.put(torch.from_numpy(data[:, 0].copy()))

        activity = VoiceActivity()
        spoken, quiet = False, 0  # samples since the last speech
        try:
            stream = self._device.InputStream(
                samplerate=SAMPLE_RATE,
                channels=1,
                dtype="float32",
                blocksize=BLOCK,
                callback=take,
            )
        except Exception as error:  # PortAudio's own errors, and OSError where it is missing
            raise LasError(
                f"microphone: cannot be opened ({error}); check that one is connected and allowed"
            ) from None
        with stream:
            while not self.stop.is_set():
                try:
                    block = heard.get(timeout=0.2)
                except queue.Empty:
                    continue
                yield block
                speech = activity.push(block)
                if speech.numel() and float(speech.max()) > 0.5:
                    spoken, quiet = True, 0
                else:
                    quiet += block.numel()
                if quiet >= (self._pause if spoken else self._patience) * SAMPLE_RATE:
                    return


def stop_on_enter(source: MicrophoneSource, wait: Callable[[], Any] | None = None) -> None:
    """Watch for Enter in the background and end the recording then."""

    def watch() -> None:
        (wait or sys.stdin.readline)()
        source.stop.set()

    threading.Thread(target=watch, daemon=True).start()


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise LasError(
            "microphone: recording needs the package sounddevice; run `pip install "
            "'las-cli[microphone]'`"
        ) from None
    except OSError as error:  # the package is there, the PortAudio library is not
        raise LasError(
            f"microphone: {error}; install PortAudio (Debian: apt install libportaudio2)"
        ) from None
    return sounddevice
