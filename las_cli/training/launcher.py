"""A command line in, N processes of this machine that run it together; one exit code out.

In place of torchrun, which prints a traceback of its own for each user's mistake and each Ctrl-C.
Nothing here imports torch.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from las_cli.orphans import watch_pipe

# Environment variable of the processes started here: a pipe (its number) that ends with the
# launcher, whatever ends that; on Windows empty.
LAUNCHED = "LAS_LAUNCHED"
LOST = 75  # exit code of a process that ended only because another one had
PATIENT_INTERRUPTS = 2  # Ctrl-C that only ask the training to save and stop; one more ends all
PATIENT_KILLS = 1  # the same of SIGTERM, and of the closing of a terminal
GRACE = 10.0  # seconds the others have to end by themselves after one has failed
MESSAGE = "las: "  # how a user's error begins


class _Process:
    """One of the processes; of all but the first, messages to the user are kept back.

    A mistake that all of them find is then told once, by the first.
    """

    def __init__(
        self,
        rank: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        pipe: int | None = None,
    ) -> None:
        """pipe: of `LAUNCHED`, for the process to inherit"""
        first = rank == 0
        self.rank = rank
        self.messages: list[str] = []
        self._process = subprocess.Popen(
            command,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=None if first else subprocess.DEVNULL,
            stderr=None if first else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C comes to this process alone, which tells the first one, once.
            start_new_session=True,
            pass_fds=() if pipe is None else (pipe,),
        )
        self._reader: threading.Thread | None = None
        if not first:
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith(MESSAGE):
                self.messages.append(line.rstrip("\n"))
            else:
                print(line, end="", file=sys.stderr, flush=True)

    @property
    def code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def tell(self, number: int) -> None:
        """Sends a signal, unless the process has ended."""
        if self.code is None and os.name != "nt":  # Windows tells all processes of a console
            self._process.send_signal(number)

    def kill(self) -> None:
        """Ends the process and those that read sound for it."""
        if self.code is not None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (AttributeError, ProcessLookupError):
            self._process.kill()

    def wait(self) -> int:
        """Until it has ended and all it wrote is read."""
        code = self._process.wait()
        if self._reader is not None:
            self._reader.join(timeout=1.0)
        return code


def launch(count: int, command: Sequence[str]) -> int:
    """Runs `command` in `count` processes that find each other as torchrun's would.

    When one fails the others are ended. SIGINT and SIGTERM go to the first process, which tells
    the others at its next step. Returns the exit code; messages to the user are printed once.
    """
    reading, writing = os.pipe() if os.name != "nt" else (None, None)
    environment = {
        # A thread a process: two threads of torch's LSTM spend their time waiting for each other.
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        LAUNCHED: "" if reading is None else str(reading),
    }
    processes: list[_Process] = []
    asked = dict.fromkeys(_forwarded(), 0)

    def forward(number: int, frame: FrameType | None) -> None:
        asked[number] += 1
        patience = PATIENT_INTERRUPTS if number == signal.SIGINT else PATIENT_KILLS
        if asked[number] > patience or not processes:  # it does not listen (any more)
            raise KeyboardInterrupt
        processes[0].tell(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    before = {number: signal.signal(number, forward) for number in _forwarded()}
    try:
        for rank in range(count):
            processes.append(_Process(rank, command, environment, reading))
        _watch(processes)
        codes = [process.wait() for process in processes]
    finally:
        for process in processes:
            process.kill()
        for descriptor in (reading, writing):
            if descriptor is not None:
                os.close(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
    return _verdict(processes, codes)


def end_with_launcher(ask: Callable[[], bool]) -> None:
    """In a process that `launch` started: end when the launcher has, whatever ended that.

    ask: asks the training to save and stop, and says whether it listens; it has GRACE seconds.
    Then the process is ended, and with it those that read sound for it.
    """
    told = os.environ.get(LAUNCHED, "")
    if not told.isdigit():
        return

    def gone() -> None:
        if ask():
            time.sleep(GRACE)
        os.killpg(os.getpgid(0), signal.SIGKILL)  # it leads a session of its own

    watch_pipe(int(told), gone)


def _forwarded() -> list[int]:
    """Signals that stop a training; that of a closed terminal unless nohup has turned it off."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    return numbers


def _watch(processes: Sequence[_Process]) -> None:
    """Until all have ended; those that others wait for in vain are ended."""
    failed_at = None
    while any(process.code is None for process in processes):
        if failed_at is None and any(process.code for process in processes):
            failed_at = time.monotonic()
        if failed_at is not None:
            told = processes[0].code not in (None, 0, LOST)  # nothing more to hear
            if told or time.monotonic() - failed_at > GRACE:
                for process in processes:
                    process.kill()
        time.sleep(0.05)


def _verdict(processes: Sequence[_Process], codes: Sequence[int]) -> int:
    """The exit code of the whole; tells what the first process did not."""
    first = codes[0]
    if not any(codes):
        return 0
    if first > 0 and first != LOST:
        return first
    own = [p for p, code in zip(processes, codes, strict=True) if code > 0 and code != LOST]
    told = list(dict.fromkeys(line for process in own for line in process.messages))
    for line in told:
        print(line, file=sys.stderr)
    if own:
        if not told and first != 0:
            print(f"{MESSAGE}process {own[0].rank} of the training failed", file=sys.stderr)
        return codes[own[0].rank]
    dead = next((rank for rank, code in enumerate(codes) if code < 0), 0)
    number = -codes[dead]
    reason = signal.Signals(number).name if number in set(signal.Signals) else f"code {number}"
    hint = " (is there enough memory?)" if reason == "SIGKILL" else ""
    print(
        f"{MESSAGE}process {dead} of the training was ended by {reason}{hint}; go on with --resume",
        file=sys.stderr,
    )
    return 1


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
