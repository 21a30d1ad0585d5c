"""README: how long a cold `tonewatch analyze clip.wav` of 3 s takes, from shell to table.

Every run is a new process that imports, loads the bundle, hears and prints. The operating system's
file cache is warm from the first run, which is shown beside the median.
"""

import os
import subprocess
import sys
import time
from statistics import median

from bench.outcome import Outcome, aim
from bench.setting import ROOT, Setting
from bench.speech import speech_file

_RUNS = 5


def run(setting: Setting) -> list[Outcome]:
    clip = speech_file(setting, 3)
    command = ["analyze", str(clip), "--bundle", setting.bundle]
    times_s = [_run_s([sys.executable, "-m", "tonewatch", *command]) for _ in range(1 + _RUNS)]
    nothing_s = median(_run_s([sys.executable, "-c", "pass"]) for _ in range(_RUNS))
    rest = times_s[1:]
    return [
        Outcome(
            f"Cold `tonewatch analyze` of 3 s, new processes, bundle: {setting.bundle_note}",
            ["", "seconds"],
            [
                ["first run", f"{times_s[0]:.2f}"],
                [f"median of {_RUNS} more", f"{median(rest):.2f}"],
                ["fastest, slowest", f"{min(rest):.2f}, {max(rest):.2f}"],
                ["of which Python itself", f"{nothing_s:.2f}"],
            ],
            [aim("median", median(rest), 1.5, " s")],
            {"first_s": times_s[0], "median_s": median(rest), "runs_s": rest},
        )
    ]


def _run_s(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=dict(os.environ))
    return time.perf_counter() - started
