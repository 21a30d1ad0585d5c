"""Keeps the audio of live calls as FLAC, in a thread of its own.

Each call's file grows as the call does; when the process dies, all but the last blocks of it can
still be read, and `mend` makes a whole file of them. A disk that is too slow costs the recording,
never the hearing: what does not fit into the queue becomes silence. It knows no store; whoever asks
is told of each finished file.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import structlog
from numpy.typing import NDArray

from tonewatch.core.errors import StoreError
from tonewatch.core.signal import RATE_HZ

_EVERY_S = 0.3
_LONGEST_WAIT_S = 20.0
_BLOCK = 1152  # a FLAC block: what cannot be read of a cut-off file is less than two
_COMPRESSION = 0.0  # as higher levels have blocks of 4096; files are 2 % larger than by default

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call's whole file."""

    call_id: str
    path: Path
    n_samples: int
    channels: int


class _Tape:
    """One call's file and what waits to be written to it."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.file: soundfile.SoundFile | None = None
        self.waiting: deque[Block | int] = deque()
        self.n_waiting = 0
        self.n_samples = 0
        self.writing = False
        self.closing = False


class Recorder:
    """Writes the recordings.

    Args:
        folder: where unfinished files lie, `CALL.flac`.
        on_done: told of each finished file, in the recorder's thread.
        on_lost: told how many seconds became silence as the disk was too slow.
    """

    def __init__(
        self, folder: Path, on_done: Callable[[Recorded], None], on_lost: Callable[[float], None]
    ) -> None:
        self._folder = folder
        self._on_done = on_done
        self._on_lost = on_lost
        self._tapes: dict[str, _Tape] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._log = structlog.get_logger("tonewatch.live")

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, finish all files, end the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def open(self, call_id: str, channels: int) -> Callable[[Block | int], None]:
        """Begin a recording; give what takes its blocks, shape [n, channels], or lost samples."""
        tape = _Tape(channels)
        with self._lock:
            self._tapes[call_id] = tape

        def take(block: Block | int) -> None:
            n_samples = block if isinstance(block, int) else len(block)
            with self._lock:
                if tape.n_waiting > _LONGEST_WAIT_S * RATE_HZ and not isinstance(block, int):
                    self._on_lost(n_samples / RATE_HZ)
                    block = n_samples
                if isinstance(block, int) and tape.waiting and isinstance(tape.waiting[-1], int):
                    tape.waiting[-1] += block
                else:
                    tape.waiting.append(block)
                if not isinstance(block, int):
                    tape.n_waiting += n_samples

        return take

    def close(self, call_id: str) -> None:
        """Let a recording end once all of it is written."""
        with self._lock:
            if call_id in self._tapes:
                self._tapes[call_id].closing = True

    @property
    def waiting(self) -> bool:
        """Whether there is something that is not written yet."""
        with self._lock:
            return any(tape.waiting or tape.writing for tape in self._tapes.values())

    def _run(self) -> None:
        while True:
            stopping = self._stopped.wait(_EVERY_S)
            for call_id in list(self._tapes):
                try:
                    self._turn(call_id, stopping)
                except (OSError, StoreError, soundfile.LibsndfileError) as error:
                    # What there is stays in the folder, for the next start.
                    self._log.error("recording_failed", call_id=call_id, error=str(error))
                    with self._lock:
                        self._tapes.pop(call_id, None)
            if stopping:
                return

    def _turn(self, call_id: str, stopping: bool) -> None:
        with self._lock:
            tape = self._tapes[call_id]
            blocks, tape.waiting, tape.n_waiting = list(tape.waiting), deque(), 0
            tape.writing = bool(blocks)
            closing = tape.closing or stopping
        path = self._folder / f"{call_id}.flac"
        if tape.file is None and blocks:
            tape.file = soundfile.SoundFile(
                path,
                "w",
                RATE_HZ,
                tape.channels,
                "PCM_16",
                format="FLAC",
                compression_level=_COMPRESSION,
            )
        for block in blocks:
            _write(tape, block)
        tape.writing = False
        if not closing:
            return
        with self._lock:
            del self._tapes[call_id]
        if tape.file is not None:
            tape.file.close()
            self._on_done(Recorded(call_id, path, tape.n_samples, tape.channels))


def mend(path: Path) -> Recorded | None:
    """Make a whole file, `PATH.whole`, of one that was cut off; None where nothing is in it.

    Raises:
        OSError: it cannot be opened.
        StoreError: the whole file cannot be written.
    """
    path.open("rb").close()
    whole = path.with_name(path.name + ".whole")
    n_samples = 0
    try:
        broken = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None
    with broken:
        channels = broken.channels
        try:
            with soundfile.SoundFile(whole, "w", RATE_HZ, channels, "PCM_16", format="FLAC") as out:
                for block in _until_cut_off(broken):
                    out.write(block)
                    n_samples += len(block)
        except soundfile.LibsndfileError as error:
            raise StoreError(f"cannot write {whole}: {error}") from error
    return Recorded(path.stem, whole, n_samples, channels) if n_samples else None


def _until_cut_off(broken: soundfile.SoundFile) -> Iterator[NDArray[np.int16]]:
    while True:
        try:
            block = broken.read(_BLOCK, "int16", always_2d=True)
        except soundfile.LibsndfileError:
            return
        if not len(block):
            return
        yield block


def _write(tape: _Tape, block: Block | int) -> None:
    assert tape.file is not None
    if isinstance(block, int):
        tape.n_samples += block
        while block > 0:  # a second at a time: a gap may be long
            n = min(block, RATE_HZ)
            tape.file.write(np.zeros((n, tape.channels), np.int16))
            block -= n
        return
    # Not soundfile's own conversion: it scales by 32767 where decoding scaled by 32768.
    tape.file.write(np.clip(np.rint(block * 32768.0), -32768, 32767).astype(np.int16))
    tape.n_samples += len(block)
