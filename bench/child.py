"""Measures one task in a process of its own, so that its peak memory and threads are its own.

A task is named `module:function`. The function prepares (imports, models) and returns the work, a
function without arguments; only the work is timed. What the work returns must fit into JSON.
Wall time is what a user waits, and rises when the machine does other things; processor time adds
up over threads, so that one thread cannot pass for less than it costs.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.setting import ROOT

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Measured:
    """What one run of a task cost.

    Attributes:
        wall_s: seconds that passed.
        cpu_s: processor seconds, of all threads.
        ready_s: seconds from the process's first line to the work's begin.
        peak_mb: most memory that the process ever held, in 10^6 bytes, libraries included.
        result: what the work returned.
    """

    wall_s: float
    cpu_s: float
    ready_s: float
    peak_mb: float
    result: Any


def measure(task: str, **arguments: Any) -> Measured:
    """Run a task once, in a fresh process, on one thread."""
    environment = os.environ | dict.fromkeys(_ONE_THREAD, "1") | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.child", task, json.dumps(arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"bench: {task} ended with code {done.returncode}; its error is above")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def peak_mb() -> float:
    """Most memory that this process held so far.

    Linux's VmHWM, as getrusage begins with what the parent held when it made this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _main(task: str, arguments: dict[str, Any]) -> None:
    begun = time.perf_counter()
    module, _, function = task.partition(":")
    work = getattr(import_module(module), function)(**arguments)
    ready = time.perf_counter()
    cpu = time.process_time()
    result = work()
    cpu_s = time.process_time() - cpu
    wall_s = time.perf_counter() - ready
    print()
    print(json.dumps(vars(Measured(wall_s, cpu_s, ready - begun, peak_mb(), result))))


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
