"""requirements-test.lock against pyproject.toml: complete, pinned, hashed, within the bounds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def test_the_lock_covers_what_the_tests_need() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    text = (ROOT / "requirements-test.lock").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([A-Za-z0-9._-]+)==(\S+)([^\n]*)\n((?:    --hash=[^\n]+\n?)+)", text, re.M
    )
    pins = {canonicalize_name(name): version for name, version, _, _ in entries}
    lines = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert len(entries) == len(lines)  # each line is a pin with hashes
    for *_, hashes in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", hashes)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["test"], *extras.get("export", ())]
    for requirement in map(Requirement, wanted):
        version = pins.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements-test.lock; see its first lines"
        assert requirement.specifier.contains(version), f"{requirement} but the lock has {version}"
