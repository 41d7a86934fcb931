"""Transcripts in, files out: txt, srt, vtt, tsv, json, ctm, html; whole and under safe names."""

from __future__ import annotations

from las_cli.output.naming import OutputNames
from las_cli.output.subtitles import Cue, SubtitleLimits, cues_of
from las_cli.output.writers import FORMATS, OutputOptions, Writer, make_writer

__all__ = [
    "FORMATS",
    "Cue",
    "OutputNames",
    "OutputOptions",
    "SubtitleLimits",
    "Writer",
    "cues_of",
    "make_writer",
]
