"""The texts of `shared/data/text` in, the texts that models/en learned its written form from out.

    python models/en/make_punctuation_text.py ../shared/data FOLDER

novels.txt, prompts.txt and speech.txt, a sentence or turn a line, as they stand but for two things:
every second "Mr.", "Mrs." and "Dr." is spelled out as readers say it and recognisers write it, and
lines that touch an evaluation sentence (`held_out/check.py`) are left out and counted.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path

from las_cli.language.text import read_lines

TEXTS = {
    "novels.txt": "english_novels.txt.zst",
    "prompts.txt": "common_voice_prompts_en.txt.gz",
    "speech.txt": "spoken.txt.gz",
}
SPOKEN = {"Mr.": "Mister", "Mrs.": "Missus", "Dr.": "Doctor"}
TITLE = re.compile(r"\b(?:Mr|Mrs|Dr)\.(?=\s|$)")


def main(data: Path, folder: Path) -> None:
    """Write the texts; says what was left out."""
    check = importlib.util.spec_from_file_location("check", data / "held_out" / "check.py")
    assert check is not None and check.loader is not None
    held_out = importlib.util.module_from_spec(check)
    check.loader.exec_module(held_out)
    count: Counter[str] = Counter()

    def spelled_out(match: re.Match[str]) -> str:
        count["titles"] += 1
        return SPOKEN[match[0]] if count["titles"] % 2 else match[0]

    folder.mkdir(parents=True, exist_ok=True)
    for output, name in TEXTS.items():
        with (folder / output).open("w", encoding="utf-8") as file:
            for line in read_lines([data / "text" / name]):
                if held_out.touches(line):
                    count[f"{name}: lines that touch an evaluation sentence, left out"] += 1
                    continue
                count[name] += 1
                file.write(TITLE.sub(spelled_out, line.strip()) + "\n")
    print(dict(count))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
