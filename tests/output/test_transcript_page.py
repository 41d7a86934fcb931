"""The page as text: what it lets run, where its sound is, what a hostile transcript makes of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import soundfile

from las_cli.errors import LasError
from las_cli.output import OutputOptions, SubtitleLimits, make_writer
from las_cli.output.transcript_page import _script, link_to
from las_cli.output.writers import JSONWriter
from las_cli.transcript import Segment, Transcript
from tests.output.recordings import spoken_transcript, write_tones


class Reader(HTMLParser):
    """Tags with their attributes, and the text of each element that has an id or runs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._at = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self._at = attributes.get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self._at = ""

    def handle_data(self, data: str) -> None:
        if self._at:
            self.texts[self._at] = self.texts.get(self._at, "") + data


def written_page(folder: Path, transcript: Transcript, **options: Any) -> Reader:
    path = folder / "page.html"
    make_writer("html", OutputOptions(**options)).write(transcript, path)
    return Reader(path.read_text("utf-8"))


def setting(page: Reader) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(page.texts["setting"])
    return data


@pytest.fixture
def talk(tmp_path: Path) -> Transcript:
    transcript = spoken_transcript(str(tmp_path / "talk.wav"))
    write_tones(tmp_path / "talk.wav", transcript)
    return transcript


def test_nothing_runs_but_what_the_policy_lists(talk: Transcript, tmp_path: Path) -> None:
    page = written_page(tmp_path, talk)
    policies = [
        attributes["content"]
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1 and policies[0] is not None
    hashes = {
        tag: base64.b64encode(hashlib.sha256(page.texts[tag].encode()).digest()).decode()
        for tag in ("script", "style")
    }
    assert policies[0].split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{hashes['script']}'",
        f"style-src 'sha256-{hashes['style']}'",
        "media-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]
    # Scripts with a type of their own are data. The policy comes before the first of all.
    running = [attributes for tag, attributes in page.tags if tag == "script"]
    assert [attributes.get("type") for attributes in running] == [
        "application/json", "application/json", "text/plain", None,
    ]  # fmt: skip
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")


def test_no_part_of_the_script_takes_a_name_of_another() -> None:
    # All parts share one function: the later of two would silently stand for both.
    names = re.findall(r"^(?:function|class|const|let) (\w+)", _script(), flags=re.MULTILINE)
    assert len(names) > 50
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_page_asks_for_no_address(talk: Transcript, tmp_path: Path) -> None:
    written_page(tmp_path, talk)
    text = (tmp_path / "page.html").read_text("utf-8")
    assert set(re.findall(r"https?://[^\s\"'`<]+", text)) == {"http://www.w3.org/2000/svg"}
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "innerHTML", "eval("):
        assert word not in text


def test_it_holds_the_transcript_as_json_has_it(talk: Transcript, tmp_path: Path) -> None:
    page = written_page(tmp_path, talk, subtitles=SubtitleLimits(30, 1))
    assert json.loads(page.texts["record"]) == JSONWriter().record(talk)
    data = setting(page)
    assert (data["name"], data["sound"]["name"]) == ("talk", "talk.wav")
    assert (data["unsure"], data["doubtful"]) == (0.8, 0.5)
    assert data["subtitles"]["max_line_width"] == 30 and data["subtitles"]["max_line_count"] == 1


def test_a_text_cannot_end_its_script(tmp_path: Path) -> None:
    hostile = "</script x></script><script>alert(1)</script><!-- {{script}} \\udcff"
    segment = Segment(0.0, 1.0, hostile + "\udcff", flags=(hostile,))
    page = written_page(tmp_path, Transcript(hostile, 1.0, (segment,), hostile))
    assert [tag for tag, _ in page.tags].count("script") == 4
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<" not in text.partition('id="record">')[2].partition("</script>")[0]
    assert json.loads(page.texts["record"])["segments"][0]["text"] == hostile + "\udcff"
    assert page.texts["title"] == "script><!-- {{script}} \\udcff"  # behind the last "/"


@pytest.mark.parametrize(
    ("name", "embed", "kind", "type"),
    [
        ("talk.wav", 20, "embedded", "audio/flac"),  # a third of the size, the same sound
        ("talk.flac", 20, "embedded", "audio/flac"),
        ("talk.mp3", 20, "embedded", "audio/mpeg"),
        ("talk.ogg", 20, "embedded", "audio/ogg"),
        ("talk.aiff", 20, "embedded", "audio/flac"),  # no browser plays it
        ("talk.wav", 0, "linked", "audio/wav"),
        ("talk.mp3", 0.001, "linked", "audio/mpeg"),
        ("talk.aiff", 0.001, "linked", "audio/flac"),
    ],
)
def test_where_the_sound_is(
    tmp_path: Path, name: str, embed: float, kind: str, type: str
) -> None:
    transcript = spoken_transcript(str(tmp_path / "in" / name))
    recording = write_tones(tmp_path / "in" / name, transcript)
    page = written_page(tmp_path / "out", transcript, embed=embed)
    sound = setting(page)["sound"]
    assert (sound["kind"], sound["type"]) == (kind, type)
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    if kind == "embedded":
        data = base64.b64decode(page.texts["sound"])
        (tmp_path / "embedded").write_bytes(data)
        assert soundfile.info(tmp_path / "embedded").duration == pytest.approx(12.2, abs=0.1)
        assert (data == recording.read_bytes()) == (name in ("talk.flac", "talk.mp3", "talk.ogg"))
        assert made == ["page.html"]
    elif name == "talk.aiff":
        assert sound["url"] == "page.html.flac"
        assert soundfile.info(tmp_path / "out" / "page.html.flac").duration == 12.2
        assert made == ["page.html", "page.html.flac"]
    else:
        assert sound["url"] == f"../in/{name}" and "sound" not in page.texts
        assert made == ["page.html"]
    media = next(
        part
        for _, attributes in page.tags
        for part in (attributes.get("content") or "").split("; ")
        if part.startswith("media-src")
    )
    assert media == ("media-src blob:" if kind == "embedded" else "media-src blob: 'self' file:")


def test_what_grows_too_large_while_it_is_copied_is_linked(tmp_path: Path) -> None:
    # 12.2 s of 16 bits in wav are 390 kB, in FLAC some 100 kB.
    transcript = spoken_transcript(str(tmp_path / "talk.wav"))
    write_tones(tmp_path / "talk.wav", transcript)
    assert setting(written_page(tmp_path, transcript, embed=0.2))["sound"]["kind"] == "embedded"
    assert setting(written_page(tmp_path, transcript, embed=0.02))["sound"]["kind"] == "linked"


@pytest.mark.parametrize("source", ["-", "gone.wav", "."])
def test_without_a_recording_there_is_the_text(tmp_path: Path, source: str) -> None:
    page = written_page(tmp_path, Transcript(source, 1.0, (Segment(0, 1, "a b"),), "tiny"))
    assert setting(page)["sound"]["kind"] == "none"


def test_a_recording_that_is_gone_bad_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"RIFF")
    with pytest.raises(LasError, match=r"talk\.wav"):
        written_page(tmp_path, spoken_transcript(str(tmp_path / "talk.wav")))


@pytest.mark.parametrize(
    ("file", "url"),
    [
        ("out/talk.mp3", "talk.mp3"),
        ("in/a b/50% #1?.mp3", "../in/a%20b/50%25%20%231%3F.mp3"),
        ("out/javascript:alert(1).mp3", "javascript%3Aalert%281%29.mp3"),
        ("out/дом.mp3", "%D0%B4%D0%BE%D0%BC.mp3"),
        (os.fsdecode(b"out/\xff.mp3"), "%FF.mp3"),
    ],
)
def test_links_hold_any_name(tmp_path: Path, file: str, url: str) -> None:
    assert link_to(tmp_path / file, tmp_path / "out") == url


def test_on_standard_output_the_link_goes_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    transcript = spoken_transcript("in/talk.mp3")
    write_tones(Path("in/talk.mp3"), transcript)
    page = Reader(make_writer("html", OutputOptions(embed=0)).format(transcript))
    assert setting(page)["sound"]["url"] == "in/talk.mp3"
