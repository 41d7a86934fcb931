"""The first bytes of a file that libsndfile does not read in, what it is out."""

from __future__ import annotations

import shutil

INSTALL_FFMPEG = (
    "install ffmpeg (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; "
    "Windows: winget install ffmpeg) or convert the file to wav or flac"
)

# First bytes at an offset, and what they announce.
_SIGNATURES = (
    (4, b"ftyp", "an MP4 container (m4a, mp4, mov)"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska container (webm, mkv)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file (wma, wmv, asf)"),
    (0, b"FLV\x01", "a Flash video"),
    (8, b"AVI LIST", "an AVI container"),
    (0, b"#!AMR", "an AMR voice recording"),
    (0, b"\xff\xf1", "raw AAC audio"),
    (0, b"\xff\xf9", "raw AAC audio"),
    (0, b"ADIF", "raw AAC audio"),
    (0, b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (0, b"\x47\x40", "an MPEG transport stream"),
)
_OTHER_THINGS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)
_AUDIO_HEADERS = (
    b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b"ID3", b".snd", b"caff", b"wvpk", b"MAC "
)  # fmt: skip


def media_kind(head: bytes) -> str | None:
    """The container that the first bytes `head` announce, where it is one that ffmpeg reads."""
    for offset, mark, kind in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind
    return None


def is_sound(head: bytes) -> bool:
    """Whether the first bytes `head` are those of sound or video."""
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):  # pictures and others have these too
        return head[8:12] in (b"WAVE", b"AVI ", b"AIFF", b"AIFC")
    if head[4:8] == b"ftyp":  # so have pictures of phones
        return head[8:11] not in (b"hei", b"mif", b"avi", b"msf", b"crx")
    if head[:2] == b"\x47\x40":  # a letter and a sign in a text, too
        return False
    return media_kind(head) is not None or any(head.startswith(mark) for mark in _AUDIO_HEADERS)


def describe_content(head: bytes) -> str:
    """What a file that could not be read as sound seems to be, from its first bytes."""
    for mark, kind in _OTHER_THINGS:
        if head.startswith(mark):
            return f"it holds {kind}, not audio"
    if not any(head.startswith(mark) for mark in _AUDIO_HEADERS):
        try:
            text = head.decode("utf-8", errors="strict" if len(head) < 4096 else "ignore")
        except UnicodeDecodeError:
            text = "\0"
        if all(letter.isprintable() or letter in "\r\n\t\f" for letter in text):
            return "it holds text, not audio"
        return "no audio format is recognised in it"
    return "its audio header is damaged or cut off"


def ffmpeg_program() -> str | None:
    """The ffmpeg program on PATH, if there is one."""
    return shutil.which("ffmpeg")
