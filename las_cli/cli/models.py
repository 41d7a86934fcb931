"""`las models`: what models are at hand, and what one of them is."""

from __future__ import annotations

import click


@click.group()
def command() -> None:
    """List the models at hand, or look into one."""


@command.command("list")
def list_models() -> None:
    """The models that travel with the package."""
    from rich.console import Console
    from rich.table import Table

    from las_cli.hub import CONFIG, read_json, shipped_models

    table = Table("name", "dev LER", "dev WER", "size", "folder", box=None)
    for name, folder in shipped_models().items():
        facts = read_json(folder / CONFIG).get("facts") or {}
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        rates = [facts.get("dev_ler"), facts.get("dev_wer")]
        shown = [f"{rate:.1%}" if isinstance(rate, float) else "?" for rate in rates]
        table.add_row(name, *shown, f"{size / 1e6:.1f} MB", str(folder))
    Console().print(table if table.row_count else "no models are shipped with this package")


@command.command("info")
@click.argument("name")
def info(name: str) -> None:
    """What model NAME (a shipped name or a folder) is made of and how it was trained."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from las_cli.hub import WEIGHTS, load_model
    from las_cli.network.las import count_parameters

    loaded = load_model(name, "cpu")
    config = loaded.model.config
    table = Table(show_header=False, box=None)
    rows = {
        "folder": str(loaded.folder),
        "parameters": f"{count_parameters(loaded.model) / 1e6:.1f} million",
        "weights": f"{(loaded.folder / WEIGHTS).stat().st_size / 1e6:.1f} MB",
        "listener": f"{config.listener.front_end} front end, {len(config.listener.reductions)} "
        f"BLSTM layers of {config.listener.hidden} each way, "
        f"{config.step_seconds * 1000:.0f} ms steps",
        "attention": f"{config.attention.kind}, {config.attention.heads} heads",
        "speller": f"{config.speller.form}, {config.speller.layers} layers of "
        f"{config.speller.hidden}",
        "CTC head": "yes" if config.ctc else "no",
        loaded.alphabet.kind: " ".join(u if u != " " else "␣" for u in loaded.alphabet.units[:200]),
        "text": f"case {loaded.policy.case}, punctuation {loaded.policy.punctuation}, "
        f"digits {loaded.policy.digits}",
    }
    for key, value in {**rows, **{k: str(v) for k, v in loaded.facts.items()}}.items():
        table.add_row(key.replace("_", " "), escape(value))
    Console().print(table)
