"""The plan of the house: no import goes round in a circle, and the flow of sound goes one way.

`python tests/test_plan.py` prints the rooms by floor, and any circles.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "las_cli"
Graph = Mapping[str, set[str]]


def name_of(path: Path) -> str:
    """The module's dotted name below las_cli; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(path: Path, lazy: bool, typing: bool = True) -> Iterator[str]:
    """What a module imports, packages from elsewhere by their dotted names.

    lazy: inside functions too
    typing: what only the type checker sees too
    """
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: imports by full names only"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing:
            pending.extend(node.orelse)
        elif lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def graph_of(lazy: bool, typing: bool = True) -> dict[str, set[str]]:
    """Module → modules of the package that it imports."""
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        graph[name] = set()
        for imported in imports_of(path, lazy, typing):
            first, _, below = imported.partition(".")
            if first == PACKAGE.name:
                # `from las_cli.text import Units` names a value of the module las_cli.text.
                target = below if below in MODULES else below.rpartition(".")[0]
                assert target in MODULES, f"{path}: there is no {imported}"
                graph[name].add(target)
        graph[name].discard(name)
    return graph


def room_of(module: str) -> str:
    """The folder below las_cli, or the loose file."""
    return module.partition(".")[0]


def rooms_of(graph: Graph) -> dict[str, set[str]]:
    """Room → rooms that it imports from."""
    rooms: dict[str, set[str]] = defaultdict(set)
    for module, others in graph.items():
        rooms[room_of(module)] |= {room_of(other) for other in others} - {room_of(module)}
    return dict(rooms)


def floors_of(graph: Graph) -> tuple[dict[str, int], set[str]]:
    """Floor of each node: 0 for what imports nothing. And those in circles or above one."""
    floors: dict[str, int] = {}
    left = set(graph)
    while ready := {node for node in left if not graph[node] & left}:
        for node in ready:
            floors[node] = 1 + max((floors[other] for other in graph[node]), default=-1)
        left -= ready
    return floors, left


@pytest.mark.parametrize("lazy", [False, True], ids=["at the top", "in functions too"])
def test_no_import_goes_round_in_a_circle(lazy: bool) -> None:
    graph = graph_of(lazy)
    assert floors_of(graph)[1] == set()
    assert floors_of(rooms_of(graph))[1] == set()


def test_a_circle_would_be_seen() -> None:
    floors, left = floors_of({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set(), "e": {"d"}})
    assert (floors, left) == ({"d": 0, "e": 1}, {"a", "b", "c"})


@pytest.mark.parametrize(
    ("room", "strangers"),
    [
        (
            "decoding",
            {"corpus", "saved_model", "sharing", "evaluation", "output", "transcript",
             "language.store", "language.word_store", "training", "transcribe", "files"},
        ),
        ("network", {"click", "rich", "files", "saved_model", "corpus", "text", "decoding"}),
        ("language", {"sharing", "corpus", "decoding", "training"}),
        ("scoring", {"torch", "network", "decoding", "corpus", "training"}),
        ("audio", {"network", "corpus", "text", "saved_model"}),
        ("output", {"torch", "network", "decoding", "transcribe"}),
        ("text", {"torch", "network", "corpus", "saved_model"}),
    ],
)  # fmt: skip
def test_a_room_knows_nothing_of_those_above_it(room: str, strangers: set[str]) -> None:
    for name, path in MODULES.items():
        if room_of(name) != room:
            continue
        for imported in imports_of(path, lazy=True):
            known = imported.removeprefix("las_cli.").split(".")
            reached = {".".join(known[:length]) for length in range(1, len(known) + 1)}
            assert not reached & strangers, f"{path} imports {imported}"


def test_a_configuration_imports_no_torch() -> None:
    graph = graph_of(lazy=False, typing=False)
    reached, pending = set(), ["network.config"]
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            # A module brings the packages that it stands in.
            pending.extend([*graph[module], module.rpartition(".")[0]])
    assert "audio.analysis" in reached
    for module in reached:
        found = imports_of(MODULES[module], lazy=False, typing=False)
        roots = {name.partition(".")[0] for name in found}
        assert not roots & {"torch", "torchaudio", "lhotse"}, module


def test_every_file_name_stands_once() -> None:
    # A command's file may be called as its command.
    counts = Counter(
        path.name
        for name, path in MODULES.items()
        if path.name != "__init__.py" and room_of(name) != "cli"
    )
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_public_name_stands_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in MODULES.items():
        if room_of(module) == "cli":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


SPEAKING = ("audio", "decoding", "files", "network", "output", "recogniser", "text", "transcribe",
            "written")  # to whoever calls them, Python or command line


def test_sentences_of_the_library_name_no_flags() -> None:
    for module, path in MODULES.items():
        if room_of(module) not in SPEAKING:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
        for node in (inner for error in told for inner in ast.walk(error)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(^|\W)--[a-z]", node.value), f"{path}: {node.value}"


def main() -> None:
    for lazy in (False, True):
        graph = graph_of(lazy)
        print("with imports in functions:" if lazy else "imports at the top:")
        for title, nodes in (("modules", graph), ("rooms", rooms_of(graph))):
            floors, left = floors_of(nodes)
            circles = f"in or above circles: {', '.join(sorted(left))}" if left else "no circles"
            print(f"  {len(nodes)} {title}, {max(floors.values()) + 1} floors, {circles}")
    floors, _ = floors_of(rooms_of(graph_of(lazy=True)))
    for floor in sorted(set(floors.values()), reverse=True):
        named = sorted(room or "las_cli" for room, at in floors.items() if at == floor)
        print(f"{floor:3} {', '.join(named)}")


if __name__ == "__main__":
    sys.exit(main())
