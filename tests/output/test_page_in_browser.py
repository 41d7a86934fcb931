"""The page in a real browser: listen, correct, save, and what was saved read by las again."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from las_cli.cli.main import cli
from las_cli.output import OutputOptions, make_writer
from las_cli.output.writers import JSONWriter
from las_cli.transcript import Alternative, Segment, Transcript, Word
from tests.output.chromium import Browser
from tests.output.recordings import loudest_pitch, spoken_transcript, write_tones

SPACE, ENTER, ESCAPE = "\ue00d", "\ue007", "\ue00c"
LEFT, RIGHT, SHIFT, CONTROL = "\ue012", "\ue014", "\ue008", "\ue009"


def write_page(folder: Path, transcript: Transcript, embed: float = 20.0) -> Path:
    """The page of a transcript, as `las transcribe -f html -o FOLDER` writes it."""
    path = folder / "page.html"
    make_writer("html", OutputOptions(embed=embed)).write(transcript, path)
    return path


@pytest.fixture
def talk(tmp_path: Path) -> Transcript:
    """What is said in `tmp_path/talk.flac`, a recording of tones."""
    transcript = spoken_transcript(str(tmp_path / "talk.flac"))
    write_tones(tmp_path / "talk.flac", transcript)
    return transcript


def saved_json(browser: Browser, name: str = "talk.json") -> dict[str, Any]:
    record: dict[str, Any] = json.loads(browser.saved("json", name))
    return record


def validate(record: dict[str, Any]) -> None:
    """Against the published schema of the JSON."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = files("las_cli.output").joinpath("transcript.schema.json").read_text("utf-8")
    jsonschema.validate(record, json.loads(schema))


def test_it_shows_the_words_and_asks_nobody(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    browser.open(write_page(tmp_path, talk))
    assert browser.words() == talk.text.split()
    assert browser.text("h1") == "talk.flac"
    assert browser.text("#facts") == "0:12 · 15 words · model tiny"
    fetched = browser.run(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in fetched if not name.startswith("blob:")] == []
    assert browser.complaints() == []
    marks = {
        kind: [word.text for word in browser.all(f"main .word.{kind}")]
        for kind in ("unsure", "doubtful")
    }
    assert marks == {"unsure": ["door"], "doubtful": ["mane", "locked"]}
    assert browser.text("#count") == "3"


def test_it_runs_nothing_but_its_own_script(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    browser.open(write_page(tmp_path, talk))
    browser.run(
        """const script = document.createElement('script');
        try { script.textContent = 'window.strange = 1'; document.body.append(script); } catch {}
        const image = new Image();
        image.onerror = () => (window.failed = true);
        image.src = 'https://example.invalid/picture.png';
        fetch('https://example.invalid/').catch(() => (window.refused = true));
        try { document.body.innerHTML += '<p>more</p>'; } catch { window.typed = true; }"""
    )
    browser.wait(lambda: browser.run("return window.failed && window.refused"))
    assert browser.run("return [window.strange ?? null, window.typed]") == [None, True]
    assert any("Content Security Policy" in line for line in browser.complaints())


def test_it_plays_from_a_word_and_lights_up_what_is_heard(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    browser.open(write_page(tmp_path, talk))
    browser.word("opened").click()
    browser.wait(lambda: browser.time > 2.05)
    assert not browser.is_paused
    browser.wait(lambda: browser.lit() in ("the", "door"))
    browser.press(SPACE)
    browser.wait(lambda: browser.is_paused)
    browser.run("document.getElementById('audio').currentTime = 2.6")
    browser.wait(lambda: browser.lit() == "the")
    browser.run("document.getElementById('audio').currentTime = 8.6")  # in a long pause
    browser.wait(lambda: browser.lit() == "")
    browser.run("document.getElementById('audio').currentTime = 2.6")
    browser.wait(lambda: browser.lit() == "the")
    browser.press(RIGHT)
    browser.wait(lambda: browser.time == pytest.approx(7.6, abs=0.01))
    browser.press(LEFT)
    browser.press(LEFT)
    browser.wait(lambda: browser.time == 0)
    browser.wait(lambda: browser.lit() == "")
    # Word by word, and to the doubtful ones.
    browser.press(SHIFT, RIGHT)
    browser.wait(lambda: browser.time == pytest.approx(2.5, abs=0.01))
    browser.keys("n")
    assert browser.run("return document.activeElement.textContent") == "door"
    browser.keys("n")
    assert browser.run("return document.activeElement.textContent") == "locked"
    assert "45 % sure" in browser.run("return document.activeElement.ariaLabel")
    browser.keys("p", "p")
    assert browser.run("return document.activeElement.textContent") == "mane"
    browser.press(SPACE)
    browser.wait(lambda: browser.time > 1.6)
    browser.press(SPACE)


def test_words_are_corrected_where_they_stand(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    browser.open(write_page(tmp_path, talk))
    browser.edit("mane")
    assert browser.is_paused
    offered = [button.text for button in browser.all("#readings button")]
    assert offered == ["man"]
    browser.one("#readings button").click()
    browser.edit("old")
    assert [button.text for button in browser.all("#readings button")] == ["cold"]
    browser.press(ESCAPE)
    browser.edit("locked")
    browser.type("looked   far")
    browser.edit("all")
    browser.one("#drop").click()
    expected = "the old man opened the door and looked far out upon the sea was quiet".split()
    assert browser.words() == expected
    assert browser.text("#count") == "1"
    browser.edit("door")
    browser.one("#right").click()
    assert browser.text("#count") == "0"
    assert browser.run("return document.getElementById('doubt-after').disabled")
    browser.press(CONTROL, "z")
    browser.press(CONTROL, "z")
    assert browser.words()[-3:] == ["all", "was", "quiet"]
    browser.press(CONTROL, "y")
    assert browser.words() == expected
    # What was taken back is gone once something else is corrected.
    browser.press(CONTROL, "z")
    browser.edit("sea")
    browser.type("lake")
    assert browser.run("return document.getElementById('redo').disabled")
    browser.press(CONTROL, "y")
    assert browser.words()[-5:] == ["the", "lake", "all", "was", "quiet"]


def test_a_word_is_heard_again_alone(browser: Browser, talk: Transcript, tmp_path: Path) -> None:
    browser.open(write_page(tmp_path, talk))
    browser.edit("locked")  # 4.9 … 5.3 s
    browser.one("#hear").click()
    browser.wait(lambda: 4.3 < browser.time < 5.9 and not browser.is_paused)
    browser.wait(lambda: browser.is_paused)
    assert browser.time == pytest.approx(5.9, abs=0.3)
    browser.one("#hear").click()
    browser.wait(lambda: not browser.is_paused)
    browser.press(ESCAPE)
    assert browser.is_paused and not browser.one("#editor").is_displayed()


def test_json_holds_what_was_corrected(browser: Browser, talk: Transcript, tmp_path: Path) -> None:
    browser.open(write_page(tmp_path, talk))
    before = JSONWriter().record(talk)
    assert saved_json(browser) == before
    browser.edit("locked")
    browser.type("looked far")
    browser.edit("all")
    browser.one("#drop").click()
    record = saved_json(browser)
    validate(record)
    assert record["segments"][0] == before["segments"][0]
    assert record["segments"][1]["text"] == "and looked far out upon the sea"
    assert record["segments"][2]["text"] == "was quiet"
    assert record["text"] == (
        "the old mane opened the door and looked far out upon the sea was quiet"
    )
    # "locked" was 4.9 … 5.3 s; its time is parted by letters and a space: 7 to 4.
    assert record["segments"][1]["words"][1:3] == [
        {"text": "looked", "start": 4.9, "end": 5.155, "confidence": 1},
        {"text": "far", "start": 5.155, "end": 5.3, "confidence": 1},
    ]


# A word that lasts long is cut in parts; no mark is parted from its letter.
HINDI = "नमस्तेदुनियाकैसेहैंआपलोगआजहमनदीकेकिनारेमिलेंगे"
SCRIPTS = {
    "latin": ("all was quiet in the old house by the river until somebody knocked " * 3, 0.31),
    "no spaces": ("私たちは昨日の夜に駅の前で会いましたそして朝まで話しました" * 3, 19.0),
    "fast": ("so we went on and on until it was over and nobody said a word " * 3, 0.11),
    "marks": (f"{HINDI} {HINDI[:20]}", 19.0),
    "no case": ("დიდი სახლი მდინარის პირას დგას და ყველა მას იცნობს " * 4, 0.4),
    "ends": ("“Ja!” sag. (es) na? so… gut。 был؟ und । das; ist: wohl, ኧ። wahr) " * 3, 0.5),
    "sentences": ("So he said: «No!» Then 23 _ _ of them left, did they? " * 4, 0.4),
    "digits": ("so then 23 _ _ of them left us " * 4, 0.4),
    "signs": ("a --> b <i>&amp; 😀😀 “quoted”, x. y? naïve " * 5, 0.5),
}


@pytest.mark.parametrize("script", list(SCRIPTS))
def test_what_is_not_corrected_is_saved_as_las_writes_it(
    browser: Browser, tmp_path: Path, script: str
) -> None:
    text, pace = SCRIPTS[script]
    segments = []
    for start in (0.2, 40.0, 77.0):
        words = tuple(
            Word(word, round(start + n * pace, 3), round(start + (n + 0.83) * pace, 3), 0.5)
            for n, word in enumerate(text.split())
        )
        written = None
        if script in ("sentences", "digits"):
            # "_" is a word that the one before it says too, as in numbers.
            words = tuple(
                dataclasses.replace(word, text="twenty", written=word.text.strip("_"))
                for word in words
            )
            written = " ".join(word.written for word in words if word.written)
        said = " ".join(word.text for word in words)
        segments.append(Segment(words[0].start, words[-1].end, said, words, written=written))
    # And a segment without words of its own, soon after the one before.
    start = segments[-1].end + 2.5
    segments.append(Segment(start, start + 21.5, " ".join(text.split()[:40])))
    transcript = Transcript("-", 160.0, tuple(segments), "tiny")
    # Digits alone (--plain --numbers digits) are a written form without sentences.
    options = OutputOptions(paragraphs=script != "digits")
    make_writer("html", options).write(transcript, tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    for kind in ("txt", "srt", "vtt"):
        expected = make_writer(kind, options).format(transcript)
        assert browser.saved(kind, f"transcript.{kind}").decode() == expected
    assert saved_json(browser, "transcript.json") == JSONWriter().record(transcript)


def test_clips_are_a_corpus(browser: Browser, talk: Transcript, tmp_path: Path) -> None:
    browser.open(write_page(tmp_path / "out", talk))
    told = browser.choose("zip")
    assert told.startswith("No passage is corrected"), told
    browser.one("#save-close").click()
    browser.edit("locked")
    browser.type("Looked,")
    browser.one(".paragraph:last-child .check").click()
    archive = zipfile.ZipFile(
        io.BytesIO(browser.saved("zip", "talk-clips.zip", "verified"))
    )
    assert archive.testzip() is None
    archive.extractall(tmp_path / "saved")
    folder = tmp_path / "saved" / "talk-clips"
    rows = [line.split("\t") for line in (folder / "train.tsv").read_text().splitlines()]
    assert rows == [
        ["path", "text", "written", "recording", "cut_from", "cut_to"],
        [
            *("sound/00004150.wav", "and looked out upon the sea"),
            *("and Looked, out upon the sea", "talk.flac", "4.150", "7.550"),
        ],
        ["sound/00009550.wav", "all was quiet", "all was quiet", "talk.flac", "9.550", "11.450"],
    ]
    # The tone of the seventh word, "and", begins a quarter of a second into the clip.
    sound, rate = soundfile.read(folder / "sound" / "00004150.wav")
    assert (rate, len(sound)) == (16_000, 54_400)
    assert np.abs(sound[: rate // 5]).max() < 0.01
    first = sound[round(0.25 * rate) : round(0.65 * rate)]
    assert loudest_pitch(first, rate) == pytest.approx(900, abs=5)
    assert np.abs(first).max() == pytest.approx(0.3, abs=0.02)

    result = CliRunner().invoke(
        cli, ["prepare", str(folder), "--output", str(tmp_path / "data"), "--json-only", "-j", "1"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    kept = sum(split["kept"]["clips"] for split in report["splits"].values())
    assert kept == 2, report

    archive = zipfile.ZipFile(io.BytesIO(browser.saved("zip", "talk-clips.zip", "all")))
    assert len(archive.namelist()) == 4


def test_a_table_of_passages_is_a_corpus_beside_the_recording(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    browser.open(write_page(tmp_path / "out", talk))
    table = browser.saved("tsv", "talk.tsv", "all")
    (tmp_path / "talk.tsv").write_bytes(table)
    result = CliRunner().invoke(
        cli, ["prepare", str(tmp_path / "talk.tsv"), "-o", str(tmp_path / "data"), "-j", "1"]
    )
    assert result.exit_code == 0, result.output
    assert table.decode().splitlines()[1] == (
        "talk.flac\t0.250\t3.650\tthe old mane opened the door\tthe old mane opened the door"
    )


def with_written(transcript: Transcript, written: list[str]) -> Transcript:
    """A transcript whose model has a written form; "_" is written with the word before it."""
    segments = []
    for segment, text in zip(transcript.segments, written, strict=True):
        shown = [word.strip("_") for word in text.split()]
        words = tuple(
            dataclasses.replace(word, written=form)
            for word, form in zip(segment.words, shown, strict=True)
        )
        whole = " ".join(filter(None, shown))
        segments.append(dataclasses.replace(segment, words=words, written=whole))
    return dataclasses.replace(transcript, segments=tuple(segments))


def test_the_written_form_is_shown_corrected_and_saved(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    written = ["The old mane opened the door", "and locked, out upon the sea.", "All was _"]
    browser.open(write_page(tmp_path, with_written(talk, written)))
    assert browser.words() == [*" ".join(written[:2]).split(), "All", "was"]
    browser.edit("locked,")
    browser.type("Looked,")
    record = saved_json(browser)
    validate(record)
    assert record["segments"][1]["text"] == "and looked out upon the sea"
    assert record["segments"][1]["written"] == "and Looked, out upon the sea."
    assert record["segments"][1]["words"][1] == {
        "text": "looked", "written": "Looked,", "start": 4.9, "end": 5.3, "confidence": 1,
    }  # fmt: skip
    assert record["segments"][2]["text"] == "all was quiet"
    assert record["written"] == (
        "The old mane opened the door and Looked, out upon the sea. All was"
    )
    assert browser.saved("txt", "talk.txt").decode() == (
        "The old mane opened the door and Looked, out upon the sea.\n\nAll was\n"
    )


def test_a_reading_has_the_capital_and_the_marks_of_the_word(
    browser: Browser, tmp_path: Path
) -> None:
    texts = ("their", "four", "he", "came")
    words = tuple(Word(text, n, n + 0.5, 0.3) for n, text in enumerate(texts))
    other = ("therefore he came", "there for he came", "their four he came home")
    segment = Segment(
        0, 4, "their four he came", words, 0.4,
        alternatives=tuple(Alternative(text, -n) for n, text in enumerate(other)),
    )  # fmt: skip
    transcript = Transcript("-", 5.0, (segment,), "tiny")
    browser.open(write_page(tmp_path, with_written(transcript, ["Their four, he came."])))
    browser.edit("came.")
    assert [button.text for button in browser.all("#readings button")] == ["came home."]
    browser.press(ESCAPE)
    browser.edit("Their")
    assert [button.text for button in browser.all("#readings button")] == ["Therefore,", "There"]
    browser.one("#readings button").click()
    assert browser.words() == ["Therefore,", "he", "came."]


HOSTILE = "</script><script>window.strange=1</script>"
# Of the name below, what is no path and no wildcard on any system.
SAVED_AS = "_img src=x onerror=window.strange=2_&amp;{{record}} #1 50%_.json"


def test_hostile_names_and_texts_are_only_text(browser: Browser, tmp_path: Path) -> None:
    name = "<img src=x onerror=window.strange=2>&amp;{{record}} #1 50%?.flac"
    texts = (HOSTILE, "<!--<script>", "]]>", "{{sound}}", "&lt;b&gt;", "\u2028\u202e", '"\'`${1}')
    words = tuple(Word(text, n / 2, n / 2 + 0.4, 0.3) for n, text in enumerate(texts))
    segment = Segment(0.0, 4.0, " ".join(texts), words, flags=(HOSTILE,))
    transcript = Transcript(str(tmp_path / name), 4.0, (segment,), HOSTILE, (HOSTILE,))
    write_tones(tmp_path / name, transcript)
    for embed in (20.0, 0.0):
        browser.open(write_page(tmp_path / "out", transcript, embed))
        assert browser.run("return window.strange ?? null") is None
        assert browser.run("return document.title") == name
        assert browser.text("h1") == name
        shown = "return [...document.querySelectorAll('.word')].map((word) => word.textContent)"
        assert browser.run(shown)[:7] == list(texts)
        browser.wait(lambda: browser.run("return document.getElementById('audio').duration") == 4)
        browser.edit("]]>")
        browser.type(HOSTILE)
        saved = browser.saved("json", SAVED_AS)
        assert HOSTILE in json.loads(saved)["text"]
        assert browser.run("return window.strange ?? null") is None
        assert browser.complaints() == []


def test_a_large_recording_is_linked_and_may_be_chosen(
    browser: Browser, talk: Transcript, tmp_path: Path
) -> None:
    page = write_page(tmp_path / "out", talk, embed=0)
    assert page.stat().st_size < 150_000
    browser.open(page)
    browser.wait(lambda: browser.run("return document.getElementById('audio').duration") > 12)
    browser.word("quiet").click()
    browser.wait(lambda: browser.time > 10.85)
    browser.press(SPACE)
    assert not browser.one("#missing").is_displayed()

    (tmp_path / "talk.flac").rename(tmp_path / "moved.flac")
    browser.reload()
    browser.wait(lambda: browser.one("#missing").is_displayed())
    assert "not at ../talk.flac" in browser.text("#missing-why")
    browser.one("#recording").send_keys(str(tmp_path / "moved.flac"))
    browser.word("quiet").click()
    browser.wait(lambda: browser.time > 10.85)
    assert not browser.one("#missing").is_displayed()
    browser.press(SPACE)
    assert len(browser.saved("zip", "talk-clips.zip", "all")) > 100_000


def test_corrections_are_there_again(browser: Browser, talk: Transcript, tmp_path: Path) -> None:
    browser.open(write_page(tmp_path, talk))
    assert not browser.one("#restored").is_displayed()
    browser.edit("locked")
    browser.type("looked")
    browser.reload()
    assert browser.words()[7] == "looked" and browser.one("#restored").is_displayed()
    browser.one("#discard").click()
    browser.wait(lambda: browser.words()[7:8] == ["locked"])


@pytest.mark.parametrize("width", [360, 1200])
def test_every_control_has_a_name_and_room(
    browser: Browser, talk: Transcript, tmp_path: Path, width: int
) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.open(write_page(tmp_path, talk))
        nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = {"button", "slider", "combobox", "textbox", "radio", "checkbox"}
        named = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored") and node["role"]["value"] in controls
        ]
        assert ("slider", "Position") in named and ("button", "Play") in named
        assert ("button", "“the” · 0:00 · 95 % sure, Enter corrects") in named
        assert [role for role, name in named if not name] == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
        small = browser.run(
            """return [...document.querySelectorAll('button')]
            .filter((b) => b.offsetParent && (b.offsetWidth < 24 || b.offsetHeight < 24))
            .map((b) => b.id || b.className)"""
        )
        assert small == []  # WCAG 2.2, 2.5.8
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# Colours of text and of the marks on what stands behind them; WCAG 2.2, 1.4.3 and 1.4.11.
CONTRASTS = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d');
const probe = document.body.appendChild(document.createElement('i'));
const light = (name) => {
  probe.style.color = `var(--${name})`;
  canvas.fillStyle = getComputedStyle(probe).color;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
return arguments[0].map(([one, other]) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
});
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_told_apart(
    browser: Browser, talk: Transcript, tmp_path: Path, theme: str
) -> None:
    browser.open(write_page(tmp_path, talk))
    browser.run("document.documentElement.dataset.theme = arguments[0]", theme)
    texts = [
        ("ink", "paper"), ("ink", "raised"), ("ink", "chosen"), ("quiet", "paper"),
        ("quiet", "raised"), ("on-accent", "accent"), ("on-accent", "lit"),
    ]  # fmt: skip
    marks = [(name, "paper") for name in ("unsure", "doubtful", "corrected", "accent", "lit")]
    ratios = browser.run(CONTRASTS, texts + marks)
    low = [
        (pair, ratio)
        for pair, ratio, least in zip(texts + marks, ratios, [4.5] * 7 + [3.0] * 5, strict=True)
        if ratio < least
    ]
    assert low == []


def test_a_recording_without_words_says_so(browser: Browser, tmp_path: Path) -> None:
    browser.open(write_page(tmp_path, Transcript("-", 3.0, (), "tiny")))
    assert browser.text("main") == "No words were heard in this recording."
    assert "through a pipe" in browser.text("#missing-why")
    assert browser.saved("txt", "transcript.txt") == b""
    assert browser.choose("zip", "all") == "There are no words to save."
    browser.one("#save-close").click()
    assert browser.complaints() == []
