"""What a training does in; its run folder and what a person sees of it out."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from las_cli.errors import LasError
from las_cli.files import write_bytes
from las_cli.saved_model.folder import save_model
from las_cli.saved_model.names import METRICS
from las_cli.training.checkpoint import MEAN_LER
from las_cli.training.groups import WIDE_GAP
from las_cli.training.plots import read_rows
from las_cli.training.processes import Processes
from las_cli.training.samples import save_attention
from las_cli.training.schedule import Progress
from las_cli.training.update_record import UpdateRecord
from las_cli.training.validation import GroupRates, gap

if TYPE_CHECKING:
    from rich.live import Live
    from torch import Tensor

    from las_cli.network.las import LAS
    from las_cli.text import TextPolicy, Units
    from las_cli.training.validation import Validation

SAMPLES, CHECKPOINTS = "samples.txt", "checkpoints"
LINE_SECONDS = 20.0  # between plain log lines


class Run:
    """A run folder: a loadable model, checkpoints, metrics, samples, pictures.

    Only the first process writes and prints; of the others only warnings are seen.
    """

    def __init__(
        self,
        folder: Path,
        units: Units,
        policy: TextPolicy,
        *,
        facts: Mapping[str, Any],
        processes: Processes,
        decoding: Mapping[str, Any] | None = None,
        quiet: bool = False,
        log_seconds: float = 5.0,
        tensorboard: bool = False,
    ) -> None:
        self.folder, self.units, self.policy = folder, units, policy
        self.checkpoints = folder / CHECKPOINTS
        self.facts, self.decoding = dict(facts), dict(decoding or {})
        self.processes, self.writes = processes, processes.first
        self.live: Live | None = None
        self.latest: Validation | None = None
        self.began = time.monotonic()
        self.heard = 0.0  # seconds of sound since then
        self.last_line = self.last_metric = 0.0
        self.sums: dict[str, list[float]] = {}  # since the last row: sum and count
        self.terminal = self.writes and not quiet and sys.stderr.isatty()
        self.quiet = quiet
        world = processes.world
        many = f" --processes {world}" if world > 1 else ""
        self.go_on = f"las train --resume --output {folder}{many}"  # after an interruption
        self.where = f"the model is in {folder}"  # what the last line ends with
        self.draws = True  # pictures after each validation
        self.log_seconds = log_seconds
        self.events = _events(folder) if self.writes and tensorboard else None
        if self.writes:
            try:
                self.checkpoints.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LasError(f"{folder}: cannot be written ({error.strerror})") from error

    def __enter__(self) -> Run:
        if self.terminal:
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(stderr=True), refresh_per_second=2)
            self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.live is not None:
            self.live.__exit__(*error)
            self.live = None
        if self.events is not None:
            self.events.close()

    def log_step(self, progress: Progress, record: UpdateRecord, share: float) -> None:
        """Adds one update; now and then a row of metrics and a line or a redraw."""
        self.heard += record.seconds
        if not self.writes:
            return
        for name, value in record.row().items():
            total = self.sums.setdefault(name, [0.0, 0.0])
            total[0], total[1] = total[0] + value, total[1] + 1
        now = time.monotonic()
        if now - self.last_metric < self.log_seconds:
            return
        means = {name: value / count for name, (value, count) in self.sums.items()}
        self.sums, self.last_metric = {}, now
        speed = self.heard / max(1e-9, now - self.began)
        row = {
            "step": progress.step,
            "epoch": progress.epoch,
            "hours": progress.seconds / 3600,
            "minutes": progress.minutes,
            "share": share,
            "speed": speed,
        } | means
        self._record(row)
        if self.live is not None:
            from las_cli.training.view import step_table

            self.live.update(step_table(row, self.latest, progress, self._left(progress, share)))
        elif now - self.last_line > LINE_SECONDS:
            self.last_line = now
            self.say(
                f"epoch {progress.epoch + 1} step {progress.step} "
                f"loss {row['loss']:.3f} attention {row['attention']:.3f} ctc {row['ctc']:.3f} "
                f"accuracy {row['accuracy']:.1%} rate {row['rate']:.2e} "
                f"health {row['diagonal']:.2f}/{row['sharp']:.2f} heard {row['hours']:.1f} h "
                f"{speed:.0f} × real time, {share:.0%} done, {self._left(progress, share)} left"
            )

    def log_validation(
        self, progress: Progress, result: Validation, heard: Mapping[str, GroupRates]
    ) -> None:
        """Writes what the dev split says: metrics, samples, pictures.

        heard: the same rates of training clips, by group; empty if they were not measured.
        """
        self.latest = result
        row = {
            "step": progress.step,
            "epoch": progress.epoch,
            "hours": progress.seconds / 3600,
            "minutes": progress.minutes,
            "dev_ler": result.ler,
            "dev_wer": result.wer,
            "dev_ctc_ler": result.ctc_ler,
            "dev_attention": result.attention_loss,
            "dev_ctc": result.ctc_loss,
            "dev_diagonal": result.diagonal,
            "dev_sharp": result.sharp,
        }
        if result.groups:
            row |= {MEAN_LER: result.mean_ler, "gap": gap(result.groups, heard)}
            for split, groups in (("dev", result.groups), ("train", heard)):
                for name, rates in groups.items():
                    row[f"{split}_ler/{name}"] = rates.ler
                    row[f"{split}_wer/{name}"] = rates.wer
                    row[f"{split}_ctc_ler/{name}"] = rates.ctc_ler
        self._record(row)
        lines = [f"# epoch {progress.epoch} step {progress.step} dev LER {result.ler:.2%}"]
        for sample in result.samples:
            lines += [sample.id, f"  true_y: {sample.true_y}", f"  pred_y: {sample.pred_y}"]
        self._append(SAMPLES, "\n".join(lines) + "\n\n")
        self.say(
            f"dev after step {progress.step} ({progress.seconds / 3600:.1f} h heard): "
            f"LER {result.ler:.2%} WER {result.wer:.2%}, CTC alone LER {result.ctc_ler:.2%}, "
            f"attention loss {result.attention_loss:.3f}, CTC loss {result.ctc_loss:.3f}, "
            f"alignment diagonal {result.diagonal:.2f} sharp {result.sharp:.2f}"
        )
        if result.groups:
            self._say_groups(result, heard)
        if self.draws:
            self._draw(result)

    def _draw(self, result: Validation) -> None:
        """The curves so far, and where attention looked."""
        from las_cli.training.plots import draw_attention, draw_curves

        try:
            save_attention(self.folder, result.pictured)
            draw_curves(self.folder)
            draw_attention(self.folder, result.pictured)
        except Exception as error:  # whatever it is: a picture is no reason to stop training
            self.warn(f"{self.folder}: the pictures cannot be drawn ({error})")

    def _say_groups(self, result: Validation, heard: Mapping[str, GroupRates]) -> None:
        """Rates by group beside those of training clips, and whether they lie far apart."""
        for name, rates in result.groups.items():
            beside = f", training clips LER {heard[name].ler:.2%}" if name in heard else ""
            self.say(
                f"  {name} ({rates.clips} clips): LER {rates.ler:.2%} WER {rates.wer:.2%}, "
                f"CTC alone LER {rates.ctc_ler:.2%}{beside}"
            )
        ratio = gap(result.groups, heard)
        self.say(
            f"  mean over groups: LER {result.mean_ler:.2%}"
            + (f", {ratio:.1f} × that of training clips" if math.isfinite(ratio) else "")
        )
        if ratio > WIDE_GAP:
            self.say(
                "  it remembers its training clips: more speech, texts and augmentation help "
                "(--noise, --rooms, --warp, --spec-augment, --dropout), more passes do not"
            )

    def rewind(self, progress: Progress) -> None:
        """Drops the measurements made after the checkpoint that a resumed run goes on from."""
        path = self.folder / METRICS
        if self.writes and path.is_file():
            rows = read_rows(path)
            kept = [json.dumps(row) for row in rows if row["step"] <= progress.step]
            write_bytes(path, "".join(row + "\n" for row in kept).encode())

    def save_best(
        self,
        model: LAS,
        weights: Mapping[str, Tensor] | None,
        progress: Progress,
        facts: Mapping[str, Any],
    ) -> None:
        """The best model so far becomes the one that `--model RUN` loads."""
        if self.writes:
            save_model(
                self.folder, model, self.units, self.policy,
                weights=weights, decoding=self.decoding,
                facts=self.facts | progress.told() | dict(facts),
            )  # fmt: skip

    def warn(self, message: str) -> None:
        """One line about something that went wrong but does not stop the training."""
        if self.writes:
            self.say(f"warning: {message}", always=True)
        else:
            rank = self.processes.rank
            print(f"process {rank}: warning: {message}", file=sys.stderr, flush=True)

    def finish(self, progress: Progress, reason: str) -> None:
        """The last line."""
        best = (
            f"best dev LER {progress.best:.2%}" if progress.best < float("inf") else "not measured"
        )
        further = f"go on with: {self.go_on}" if reason == "interrupted" else self.where
        self.say(
            f"stopped after {progress.step} steps, {progress.seconds / 3600:.1f} h heard in "
            f"{progress.minutes:.1f} min: {reason}; {best}"
            + (f"; {further}" if further else "")
        )

    def say(self, line: str, always: bool = False) -> None:
        """A line on standard error, above the live view if there is one."""
        if not self.writes or (self.quiet and not always):
            return
        if self.live is not None:
            self.live.console.print(line, markup=False, highlight=False)
        else:
            print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)

    def _record(self, row: dict[str, float]) -> None:
        """A row of metrics.jsonl, and the same as TensorBoard events."""
        self._append(METRICS, json.dumps(_rounded(row)) + "\n")
        if self.events is not None:
            for name, value in row.items():
                self.events.add_scalar(name, value, row["step"])

    def _append(self, name: str, text: str) -> None:
        if not self.writes:
            return
        try:
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise LasError(
                f"{self.folder / name}: cannot be written ({error.strerror}); "
                "make room, then go on with --resume"
            ) from error

    def _left(self, progress: Progress, share: float) -> str:
        if share <= 0:
            return "?"
        return str(timedelta(minutes=round(progress.minutes * (1 - share) / share)))[:-3]


def _events(folder: Path) -> Any:
    """TensorBoard's writer; LasError without the optional package."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise LasError(
            "--tensorboard needs the package tensorboard: pip install 'las-cli[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder / "events"))


def _rounded(row: dict[str, float]) -> dict[str, float | None]:
    """Six digits; null for what is not a number, which JSON does not know."""
    return {
        k: (float(f"{v:.6g}") if math.isfinite(v) else None) if isinstance(v, float) else v
        for k, v in row.items()
    }
