"""How late events of live calls come, whether audio is dropped, memory, and calls a core holds.

The service runs in a process of its own, as `tonewatch serve` starts it, with audio kept; the calls
are sent from this one, in real time, 100 ms at a time, each beginning at a moment of its own. The
latency of a window is from the moment its last sample is sent to the moment its event is here.
`python -m bench.live --calls 100 --seconds 300` is the promise; `--ramp` has the service run on one
core, and adds calls until it cannot follow. `--words` sends the same calls three times: without
triage, with it, and with words recognised as well; what the two add to emotion's latency is theirs.
"""

import argparse
import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.outcome import Outcome, aim, machine
from bench.setting import SAMPLE, Setting, find_bundle, find_data
from tonewatch.audio.decode import load
from tonewatch.call.roles import Role
from tonewatch.core.signal import RATE_HZ
from tonewatch.simulate.client import CHUNK_S, Met, Where, live_address, send

_LATEST_S = 0.5
_MOST_MB_PER_MIN = 1.0
_MOST_ADDED_S = 0.05
_RAMP = (25, 50, 75, 100, 150, 200, 300, 400)


class Beside(StrEnum):
    """What the service does beside emotion."""

    NOTHING = "emotion alone"
    TRIAGE = "with triage"
    WORDS = "with triage and words"


def run(setting: Setting) -> list[Outcome]:
    if setting.quick:
        return [_load(setting, 3, 8.0)]
    return [_load(setting, 20, 60.0), _ramp(setting, 20.0)]


@dataclass
class Load:
    """What a number of calls met.

    Attributes:
        calls: how many.
        seconds: how long each was.
        latency_s: of each window.
        dropped_s: audio lost.
        late_s: the most by which this process itself sent too late.
        memory_mb: of the service, each second: time in s and MB.
        cpu: the service's processor seconds per second.
        windows: how many were told.
        expected: how many should have been.
        heard_s: speech whose words were recognised.
        given_up_s: speech that no recogniser was free for.
        assessed: assessments told.
        troubled: calls that were refused, or whose connection broke.
    """

    calls: int
    seconds: float
    latency_s: list[float] = field(default_factory=list)
    dropped_s: float = 0.0
    late_s: float = 0.0
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    cpu: float = 0.0
    windows: int = 0
    expected: int = 0
    heard_s: float = 0.0
    given_up_s: float = 0.0
    assessed: int = 0
    troubled: int = 0

    def take(self, met: Met) -> None:
        """Count what one call met."""
        self.latency_s += met.latency_s
        self.dropped_s += met.dropped_s
        self.late_s = max(self.late_s, met.late_s)
        self.windows += met.windows
        self.expected += max(0, int(self.seconds) - 2)
        self.heard_s += met.words_s
        self.given_up_s += met.given_up_s
        self.assessed += met.assessments
        self.troubled += bool(met.trouble)

    def percentile_s(self, percent: float) -> float:
        return float(np.percentile(self.latency_s, percent)) if self.latency_s else float("inf")

    @property
    def slope_mb_per_min(self) -> float:
        """Of memory after warm-up, which is the first minute, or the first half of less."""
        warm_s = min(60.0, self.seconds / 2)
        points = np.array([point for point in self.memory_mb if point[0] >= warm_s])
        return float(np.polyfit(points[:, 0] / 60, points[:, 1], 1)[0]) if len(points) > 2 else 0.0

    @property
    def holds(self) -> bool:
        """Whether the service followed."""
        told = self.windows >= self.expected and not self.troubled
        return told and not self.dropped_s and self.percentile_s(95) <= _LATEST_S


def _load(setting: Setting, calls: int, seconds: float, beside: Beside = Beside.TRIAGE) -> Outcome:
    with _service(setting, setting.work / beside.name.lower(), beside) as (url, secret, pid):
        load_ = asyncio.run(_calls(url, secret, pid, calls, seconds))
    p50, p95, p99 = (load_.percentile_s(percent) for percent in (50, 95, 99))
    row = [f"{calls}", *(f"{1000 * p:.0f}" for p in (p50, p95, p99))]
    return Outcome(
        f"{calls} live calls for {seconds:g} s, 16 kHz, from another process, {beside}; bundle: "
        f"{setting.bundle_note}",
        [
            *("calls", "p50 ms", "p95 ms", "p99 ms", "dropped s", "windows", "assessed"),
            *("words s", "given up s", "cores", "MB", "MB/min"),
        ],
        [
            [
                *row,
                f"{load_.dropped_s:.1f}",
                f"{load_.windows} of {load_.expected}",
                f"{load_.assessed}",
                f"{load_.heard_s:.0f}",
                f"{load_.given_up_s:.0f}",
                f"{load_.cpu:.2f}",
                f"{load_.memory_mb[-1][1]:.0f}" if load_.memory_mb else "?",
                f"{load_.slope_mb_per_min:.2f}",
            ]
        ],
        [
            "ms: from the last sample of a window, sent, to its event, received",
            f"of which the sender itself was late by {1000 * load_.late_s:.0f} ms at most",
            aim("p95", 1000 * p95, 1000 * _LATEST_S, " ms"),
            aim("dropped", load_.dropped_s, 0.0, " s"),
            aim("calls refused or broken", load_.troubled, 0),
            aim("memory's slope", load_.slope_mb_per_min, _MOST_MB_PER_MIN, " MB/min"),
        ],
        {
            "calls": calls,
            "seconds": seconds,
            "beside": beside,
            "p50_s": p50,
            "p95_s": p95,
            "p99_s": p99,
            "dropped_s": load_.dropped_s,
            "windows": load_.windows,
            "expected": load_.expected,
            "assessed": load_.assessed,
            "troubled": load_.troubled,
            "heard_s": load_.heard_s,
            "given_up_s": load_.given_up_s,
            "cores": load_.cpu,
            "slope_mb_per_min": load_.slope_mb_per_min,
            "memory_mb": load_.memory_mb,
        },
    )


def _added(alone: Outcome, *others: Outcome) -> Outcome:
    """What else the service does, and how much later emotion is for it."""
    rows, notes = [], []
    for each in others:
        words_s, given_up_s = each.values["heard_s"], each.values["given_up_s"]
        added_ms = 1000 * (each.values["p95_s"] - alone.values["p95_s"])
        rows.append(
            [each.values["beside"], f"{added_ms:+.0f}", f"{words_s:.0f}", f"{given_up_s:.0f}"]
        )
        notes.append(
            aim(f"added {each.values['beside']}", added_ms, 1000 * _MOST_ADDED_S, " ms to the p95")
        )
    notes.append("speech is given up once it waited 15 s: shorter calls show none of it")
    columns = ["", "ms added to the p95", "speech with words, s", "given up, s"]
    return Outcome(
        f"What triage and words add, {alone.values['calls']} calls", columns, rows, notes
    )


def _ramp(setting: Setting, seconds: float) -> Outcome:
    rows, values, held = [], [], 0
    core = min(os.sched_getaffinity(0))
    with _service(setting, setting.work / "ramp", Beside.TRIAGE, core) as (url, secret, pid):
        for calls in _RAMP:
            load_ = asyncio.run(_calls(url, secret, pid, calls, seconds))
            p95 = load_.percentile_s(95)
            rows.append(
                [
                    f"{calls}",
                    f"{1000 * p95:.0f}",
                    f"{load_.dropped_s:.1f}",
                    f"{load_.cpu:.2f}",
                    "yes" if load_.holds else "no",
                ]
            )
            values.append({"calls": calls, "p95_s": p95, "cores": load_.cpu, "held": load_.holds})
            if not load_.holds:
                break
            held = calls
    return Outcome(
        f"Calls that one core holds, {seconds:g} s each",
        ["calls", "p95 ms", "dropped s", "cores", "held"],
        rows,
        [f"held: {held} calls, all of the service on core {core}, the sender on the others"],
        {"held": held, "steps": values},
    )


@contextmanager
def _service(
    setting: Setting, folder: Path, beside: Beside, core: int | None = None
) -> Iterator[tuple[str, str, int]]:
    """A service in a process, with a key for it."""
    folder.mkdir(parents=True)
    secret = _key(f"sqlite:///{folder / 'tonewatch.db'}", triage=beside is not Beside.NOTHING)
    variables = {
        "TONEWATCH_DATA_DIR": str(folder),
        "TONEWATCH_PORT": "0",
        "TONEWATCH_BUNDLE": setting.bundle,
        "TONEWATCH_MAX_CALLS": "1000",
        "TONEWATCH_MAX_CALLS_PER_KEY": "1000",
        "TONEWATCH_LOG_LEVEL": "warning",
        "TONEWATCH_TRANSCRIBE": "pocketsphinx" if beside is Beside.WORDS else "off",
    }
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            [sys.executable, "-u", "-m", "tonewatch", "serve"],
            env=os.environ | variables,
            stdout=log,
            stderr=log,
        )
    everywhere = os.sched_getaffinity(0)
    try:
        if core is not None:
            os.sched_setaffinity(service.pid, {core})
            os.sched_setaffinity(0, everywhere - {core} or everywhere)
        while not (found := re.search(r"listens on (\S+)", (folder / "log").read_text())):
            if service.poll() is not None:
                raise SystemExit(f"bench: the service ended: {(folder / 'log').read_text()}")
            time.sleep(0.2)
        yield found[1], secret, service.pid
    finally:
        os.sched_setaffinity(0, everywhere)
        service.terminate()
        service.wait(120)


def _key(database_url: str, *, triage: bool) -> str:
    from tonewatch.service.policies import Policies
    from tonewatch.store.audit import Audit
    from tonewatch.store.database import Database
    from tonewatch.store.keys import ApiKeys
    from tonewatch.store.policies import PolicyTexts
    from tonewatch.store.users import UserRole, Users

    def clock() -> datetime:
        return datetime.now(UTC)

    database = Database(database_url)
    database.upgrade()
    user = Users(database, clock).create("bench", UserRole.CALL_TAKER, None)
    _, secret = ApiKeys(database, clock).create("bench", ["calls:live"], user.id, None)
    if not triage:
        texts, audit = PolicyTexts(database, clock), Audit(database, clock)
        Policies(database, texts, audit).switch(False, "bench")
    database.close()
    return secret


async def _calls(url: str, secret: str, pid: int, calls: int, seconds: float) -> Load:
    load_ = Load(calls, seconds)
    samples = np.clip(np.rint(load(SAMPLE) * 32768), -32768, 32767).astype("<i2")
    speech = np.tile(samples, 2).tobytes()
    # The collector's pauses would be measured as the service's.
    gc.collect()
    gc.disable()
    watching = asyncio.create_task(_watch(pid, load_))
    hop_s = 1.0
    try:
        where = Where(live_address(url), secret)
        await asyncio.gather(
            *(_call(where, speech, k, k / calls * hop_s, load_) for k in range(calls))
        )
    finally:
        gc.enable()
        watching.cancel()
    return load_


async def _call(where: Where, speech: bytes, number: int, after_s: float, load_: Load) -> None:
    await asyncio.sleep(after_s)
    chunk = int(CHUNK_S * RATE_HZ) * 2
    start = number * 7919 * 2 % (len(speech) // 2)
    starts = (
        (start + k * chunk) % (len(speech) // 2) for k in range(round(load_.seconds / CHUNK_S))
    )
    met = Met()
    audio = (speech[at : at + chunk] for at in starts)
    await send(where, audio, [Role.CALLER], {}, asyncio.Event(), met)
    load_.take(met)


async def _watch(pid: int, load_: Load) -> None:
    began, cpu_s = time.perf_counter(), _cpu_s(pid)
    while True:
        await asyncio.sleep(1.0)
        now_s = time.perf_counter() - began
        load_.memory_mb.append((now_s, _memory_mb(pid)))
        load_.cpu = (_cpu_s(pid) - cpu_s) / now_s


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("bench: expected Linux's /proc, there is none")


def _cpu_s(pid: int) -> float:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.live", description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--words", action="store_true", help="compare with triage and words")
    parser.add_argument("--ramp", action="store_true", help="also find how many one core holds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers")
    asked = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 130)
    console.print(machine(), style="dim", highlight=False)
    with tempfile.TemporaryDirectory(prefix="tonewatch-bench-") as folder:
        work = Path(folder)
        bundle, note, is_trained = find_bundle(None, work)
        setting = Setting(work, bundle, note, is_trained, find_data())
        every = tuple(Beside) if asked.words else (Beside.TRIAGE,)
        outcomes = [_load(setting, asked.calls, asked.seconds, beside) for beside in every]
        outcomes += [_added(*outcomes)] if asked.words else []
        outcomes += [_ramp(setting, 20.0)] if asked.ramp else []
        for outcome in outcomes:
            outcome.print(console)
        if asked.json is not None:
            content = [{"title": each.title, **each.values} for each in outcomes]
            asked.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
