"""README: the real-time factor, and how it compares with openSMILE and wav2vec2-base.

Each contender runs in a process of its own, on one thread, over the same file, in turn; the median
of the repetitions counts. Importing and loading are not in the factor (`bench.cold` has them).
openSMILE runs three ways, from the fairest comparison (the same 3 s windows every second) to the
cheapest use of it (one call over the whole file, which tells nothing of when).
wav2vec2's cost per window does not depend on the length of the file: it hears the short one only.
"""

from statistics import median
from typing import Any

from bench.child import Measured, measure
from bench.outcome import Outcome, aim
from bench.setting import Setting
from bench.speech import source, speech_file

_CHEAPEST = "eGeMAPS, whole file in one call"
_OURS = "tonewatch, the whole analysis"


def run(setting: Setting) -> list[Outcome]:
    lengths_s, repeats = ([30], 1) if setting.quick else ([60, 600], 3)
    return [
        _compare(setting, length_s, repeats, with_wav2vec2=length_s == lengths_s[0])
        for length_s in lengths_s
    ]


def _compare(setting: Setting, length_s: int, repeats: int, *, with_wav2vec2: bool) -> Outcome:
    path = str(speech_file(setting, length_s))
    egemaps = "bench.contenders:egemaps"
    tasks: dict[str, tuple[str, dict[str, Any]]] = {
        _OURS: ("bench.contenders:tonewatch", {"path": path, "bundle": setting.bundle}),
        "eGeMAPS, 3 s windows every 1 s": (egemaps, {"path": path, "hop_s": 1.0}),
        "eGeMAPS, 3 s windows end to end": (egemaps, {"path": path, "hop_s": 3.0}),
        _CHEAPEST: (egemaps, {"path": path, "hop_s": None}),
    }
    if with_wav2vec2:
        tasks["wav2vec2-base, 3 s windows every 1 s"] = (
            "bench.contenders:wav2vec2",
            {"path": path, "hop_s": 1.0},
        )
    runs: dict[str, list[Measured]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, (task, arguments) in tasks.items():
            runs[name].append(measure(task, **arguments))
    factors = {name: _factors(measured, length_s) for name, measured in runs.items()}
    ours = factors[_OURS]
    rows = [
        [
            name,
            f"{f['rtf']:.5f}",
            f"{f['rtf_cpu']:.5f}",
            f"{f['rtf'] / ours['rtf']:.1f}",
            f"{f['rtf_cpu'] / ours['rtf_cpu']:.1f}",
            f"{f['peak_mb']:.0f}",
            f"{f['windows']:.0f}",
        ]
        for name, f in factors.items()
    ]
    return Outcome(
        f"Speed over {length_s} s of speech ({source(setting)}), one thread, "
        f"median of {repeats}, bundle: {setting.bundle_note}",
        ["", "RTF", "RTF, CPU", "times ours", "times, CPU", "peak MB", "windows"],
        rows,
        [
            "RTF: seconds per second of audio (wall clock); CPU: processor time, which other "
            "programs disturb less",
            aim("our RTF", ours["rtf"], 0.005),
            aim("our RTF over that of eGeMAPS at its cheapest", _share(factors, _CHEAPEST), 0.5),
        ],
        {"length_s": length_s, "repeats": repeats, "contenders": factors},
    )


def _factors(measured: list[Measured], length_s: float) -> dict[str, float]:
    return {
        "rtf": median(m.wall_s for m in measured) / length_s,
        "rtf_cpu": median(m.cpu_s for m in measured) / length_s,
        "peak_mb": max(m.peak_mb for m in measured),
        "ready_s": median(m.ready_s for m in measured),
        "windows": measured[0].result["windows"],
    }


def _share(factors: dict[str, dict[str, float]], other: str) -> float:
    return factors[_OURS]["rtf"] / factors[other]["rtf"]
