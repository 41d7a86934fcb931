"""`las models`: what models are at hand and what is in them; to and from the hub, other formats."""

from __future__ import annotations

import re
from pathlib import Path

import click

from las_cli.errors import UsageError


@click.group()
def command() -> None:
    """List the models at hand, look into one, share one, or turn one into another format.

    NAME and MODEL are what `--model` takes everywhere: a shipped name (en), a folder that `las
    train` wrote, or a model on a Hugging Face hub, hf:user/repo or hf:user/repo@revision. The
    last is fetched once, into the hub's cache, and then needs no network; nothing else is ever
    fetched. HF_ENDPOINT names another hub, HF_TOKEN a token, HF_HUB_OFFLINE=1 forbids all traffic.
    """


@command.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
def list_models(folder: Path) -> None:
    """The models that are shipped, in the hub's cache, and below FOLDER (default: runs)."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from las_cli.saved_model.weights import shown
    from las_cli.sharing.inventory import inventory

    table = Table("name", "from", "dev LER", "dev WER", "size", "folder", box=None)
    for entry in inventory(folder):
        rates = ["?" if rate is None else f"{rate:.1%}" for rate in (entry.ler, entry.wer)]
        note = escape(shown(entry.note)) if entry.note else escape(shown(str(entry.folder)))
        size = f"{entry.size / 1e6:.1f} MB"
        table.add_row(escape(shown(entry.name)), entry.origin, *rates, size, note)
    Console().print(table if table.row_count else "no models: none shipped, cached or trained")


@command.command("info")
@click.argument("name")
@click.option("--card/--no-card", default=True, help="Print the model's card first.")
@click.pass_context
def info(ctx: click.Context, name: str, card: bool) -> None:
    """The card of a model, what it is made of, how good it is, and whether its files are intact.

    Ends with exit code 1 if a file does not have the hash that was written down for it.
    """
    from rich.console import Console
    from rich.markdown import Markdown

    from las_cli.saved_model.weights import shown
    from las_cli.sharing.card import own_card
    from las_cli.sharing.description import describe, hash_table, rate_table

    described = describe(name)
    console = Console()
    if card and (text := own_card(described.folder)):
        # An entity (&#x202e;) would become the character that `shown` has taken out.
        text = re.sub(r"&(?=#?\w+;)", "&amp;", _without_front_matter(text))
        lines = (shown(line, 2000) for line in text.splitlines())
        console.print(Markdown("\n".join(lines)))
        console.rule()
    console.print(described.table)
    if (rates := rate_table(described.folder)) is not None:
        console.print(rates)
    console.print(hash_table(described.checks))
    if not all(check.ok for check in described.checks):
        ctx.exit(1)


@command.command("pull")
@click.argument("name", metavar="hf:USER/REPO[@REVISION]")
def pull_model(name: str) -> None:
    """Fetch a model from the hub into its cache, or what is new of it.

    Only config.json, alphabet.json, model.safetensors, a language model, a written form and the
    card are fetched; each file gets its name when it has the hash that the hub lists.
    """
    from las_cli.sharing.cache import parse_hub_name
    from las_cli.sharing.hub_client import pull

    click.echo(f"{name}: {pull(parse_hub_name(name))}")


@command.command("push")
@click.argument("run")
@click.argument("name", metavar="hf:USER/REPO")
@click.option("--private", is_flag=True, help="Make the repository private, if it is new.")
@click.option("--language", metavar="CODE", help="Language for the card, e.g. en, "
              "in place of its own.")  # fmt: skip
@click.option("--license", "licence", metavar="NAME", help="Licence for the card, e.g. cc-by-4.0, "
              "in place of its own.")  # fmt: skip
def push_model(
    run: str, name: str, private: bool, language: str | None, licence: str | None
) -> None:
    """Share the model of RUN on the hub: config, weights, alphabet, card; language model and
    written form, where it has them.

    The card is RUN's README.md, or one made from its metrics. Checkpoints, metrics and the paths
    of this machine are not shared. Needs a token that may write: HF_TOKEN, or `hf auth login`.
    """
    from las_cli.sharing.cache import parse_hub_name
    from las_cli.sharing.find import load_model
    from las_cli.sharing.hub_client import push
    from las_cli.sharing.upload import files_to_share

    target = parse_hub_name(name)
    loaded = load_model(run, "cpu")
    files = files_to_share(loaded, target.repo, language=language, licence=licence)
    click.echo(f"{name}: {push(loaded.folder, files, target, private)}")


@command.command("export")
@click.argument("model")
@click.option("--to", "target", required=True, metavar="FOLDER|onnx|torchscript", help="A new "
              "model folder, or the format of the graphs.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the graphs.  "
              "[default: MODEL's name and the format]")  # fmt: skip
@click.option("--half", is_flag=True, help="With a folder: float16 weights, half the size.")
def export_model(model: str, target: str, output: Path | None, half: bool) -> None:
    """Write MODEL as a clean folder, or as ONNX or TorchScript graphs for other programs.

    The graphs are two, listener (waveform to states and CTC) and speller (one letter on);
    graphs.json beside them tells their inputs and outputs. They are run and compared with the model
    before they are written. ONNX needs: pip install 'las-cli[export]'.

    \b
    Examples:
      las models export runs/en --to my-model --half
      las models export en --to onnx --output en-onnx
    """
    from las_cli.sharing.find import load_model

    kind = target.lower()  # a folder of that name is ./ONNX
    graphs = kind in ("onnx", "torchscript")
    if output is not None and not graphs:
        raise UsageError("--output goes with --to onnx and --to torchscript only")
    if half and graphs:
        raise UsageError("--half goes with --to FOLDER only; graphs are float32")
    loaded = load_model(model, "cpu")
    if graphs:
        from las_cli.sharing.cache import short_name
        from las_cli.sharing.export import export_graphs

        output = output or Path(f"{short_name(model, loaded.folder)}-{kind}")
        difference = export_graphs(loaded, kind, output)
        click.echo(f"{output}: {kind}, at most {difference:.1e} away from the model")
    else:
        from las_cli.sharing.export import export_folder

        export_folder(loaded, Path(target), half)
        click.echo(f"{target}: a model folder")


@command.command("convert")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--vocab", type=click.Path(path_type=Path), required=True, help="The vocabulary "
              "the checkpoint was trained with, a line each: index,letter.")  # fmt: skip
@click.option("--activation", type=click.Choice(["relu", "None"]), default="relu",
              help="Its mlp_activate_in_attention.  [default: relu]")  # fmt: skip
@click.option("--case", type=click.Choice(["lower", "upper", "keep"]), default="lower",
              help="Case of the letters.  [default: lower]")  # fmt: skip
def convert_checkpoint(
    checkpoint: Path, output: Path, vocab: Path, activation: str, case: str
) -> None:
    """Take over a checkpoint of the research code (jiwidi/las-pytorch) as a model folder.

    Listener, speller and output layer map exactly; says which layers do not. Its features are
    others, so the result is a start for `las train --init OUTPUT`, not a finished recogniser.
    The file is read with torch's weights_only reader, which runs no code.
    """
    from las_cli.sharing.research import convert

    for line in convert(checkpoint, output, vocab, activation=activation, case=case):
        click.echo(line)


def _without_front_matter(text: str) -> str:
    if text.startswith("---\n") and (end := text.find("\n---", 4)) > 0:
        return text[end + 4 :]
    return text
