"""One run of `las transcribe`: a planned worklist in, its words shown and its files written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from las_cli.cli.transcript_display import Display
    from las_cli.transcribe.inputs import Input
    from las_cli.transcribe.transcriber import Finished, Recognised
    from las_cli.transcribe.workers import Recipe
    from las_cli.transcribe.worklist import Worklist


def own_device(local_rank: str) -> str:
    """The device of this process among those of its machine."""
    import torch

    if torch.cuda.is_available():
        return f"cuda:{int(local_rank) % torch.cuda.device_count()}"
    return "auto"


def events(
    worklist: Worklist,
    recipe: Recipe,
    processes: int,
    raw_rate: int | None,
    microphone: bool,
    display: Display,
) -> Iterator[Recognised | Finished]:
    """What happens to the recordings of `worklist`, in this process or in several."""
    if not worklist.inputs:
        return
    if not recipe.plain:
        tell_if_plain(recipe.model, display)
    if processes > 1 and len(worklist.inputs) > 1:
        from las_cli.transcribe.workers import follow_with_workers, in_order

        paths = [str(entry.path) for entry in worklist.inputs]
        done = follow_with_workers(recipe, paths, processes, display.note)
        # Files are written as each is done; on standard output lines belong to inputs.
        yield from done if worklist.folder is not None else in_order(done)
        return
    transcriber = recipe.load()
    for note in transcriber.recogniser.decoder.notes:
        display.note(note)
    sounds = (opened(entry, raw_rate, microphone, display) for entry in worklist.inputs)
    yield from transcriber.follow(sounds, live=microphone or raw_rate is not None)


def tell_if_plain(model: str, display: Display) -> None:
    """Say once that a model has no written form."""
    from las_cli.saved_model.names import PUNCTUATION
    from las_cli.sharing.find import find_model

    if not (find_model(model) / PUNCTUATION).is_file():
        display.note(
            f"{model}: has no written form, so these are plain words; `las train-punctuation` "
            "makes one"
        )


def opened(entry: Input, raw_rate: int | None, microphone: bool, display: Display) -> Any:
    """What `Transcriber.follow` takes: a path, or a source for what is no file."""
    from las_cli.files import standard_input
    from las_cli.transcribe.inputs import STDIN

    if microphone:
        from las_cli.audio.microphone import MicrophoneSource, stop_on_enter

        source = MicrophoneSource()
        stop_on_enter(source)
        display.note("speak; Enter or a pause of two seconds ends the recording")
        return source
    if entry.path == STDIN and raw_rate is not None:
        from las_cli.audio.sources import PCMSource

        return PCMSource(standard_input().buffer, raw_rate)
    if entry.is_pipe:
        from las_cli.audio.sources import PipeSource

        if entry.path == STDIN:
            return PipeSource(lambda: standard_input().buffer)
        return PipeSource(lambda: entry.path.open("rb"), str(entry.path))
    return entry.path


def work(worklist: Worklist, display: Display, happenings: Iterable[Recognised | Finished]) -> None:
    """Write and show what is done as it is done."""
    from las_cli.errors import LasError
    from las_cli.transcribe.transcriber import Recognised

    for event in happenings:
        if isinstance(event, Recognised):
            display.recognised(event.place, event.segment, event.seconds)
            continue
        error = event.error
        if event.transcript is not None:
            try:
                worklist.finish(event.place, event.transcript)
                display.finished(event.place, event.transcript)
                continue
            except LasError as unwritten:
                error = unwritten
        assert error is not None
        worklist.fail(error)
        display.failed(event.place, error)
