"""What can be wrong with a recording: the flags, and how much of it was not heard."""

from __future__ import annotations

from typing import NamedTuple

TRUNCATED = "truncated file"  # the file ends before its sound does
DAMAGED = "damaged sound"  # a spot in the file could not be decoded; silence stands for it
GAP = "gap in the sound"  # packets are missing between those that are there; the same
MENDED = "header says too little"  # the file holds more than its header says; it is heard
CANCELLED = "channels cancel out"  # mixing would leave silence: the loudest one alone is heard
NOT_FINITE = "samples not finite"  # NaN or infinite samples were taken as silence

LOSSES = (TRUNCATED, DAMAGED, GAP)  # sound is missing


class Missing(NamedTuple):
    """Sound that a file should hold and that could not be heard."""

    start: float  # seconds from the start of the recording
    duration: float  # seconds, 0 where that cannot be told
    flag: str  # one of LOSSES
