"""README: what two hours of audio cost, and that memory does not grow with them.

Files of 3 s to 2 h are made on the fly and heard by `tonewatch.analyze`, each in its own process.
"""

from bench.child import measure
from bench.outcome import Outcome, aim
from bench.setting import Setting
from bench.speech import source, speech_file

_LENGTHS_S = (3, 10, 60, 600, 1800, 3600, 7200)
_QUICK_S = (3, 10, 60)


def run(setting: Setting) -> list[Outcome]:
    rows, values = [], []
    for length_s in _QUICK_S if setting.quick else _LENGTHS_S:
        path = speech_file(setting, length_s)
        cost = measure("bench.contenders:tonewatch", path=str(path), bundle=setting.bundle)
        path.unlink()
        values.append(
            {
                "length_s": length_s,
                "wall_s": cost.wall_s,
                "cpu_s": cost.cpu_s,
                "rtf": cost.wall_s / length_s,
                "peak_mb": cost.peak_mb,
                "windows": cost.result["windows"],
            }
        )
        rows.append(
            [
                _length(length_s),
                f"{cost.wall_s:.3f}",
                f"{cost.cpu_s:.3f}",
                f"{cost.wall_s / length_s:.5f}",
                f"{cost.peak_mb:.0f}",
                f"{cost.result['windows']}",
            ]
        )
    first, last = values[0], values[-1]
    grown_mb = last["peak_mb"] - first["peak_mb"]
    return [
        Outcome(
            f"Growth with length ({source(setting)}), one thread, bundle: {setting.bundle_note}",
            ["audio", "seconds", "CPU seconds", "RTF", "peak MB", "windows"],
            rows,
            [
                aim(f"peak memory at {_length(last['length_s'])}", last["peak_mb"], 400, " MB"),
                f"from {_length(first['length_s'])} to {_length(last['length_s'])} it grew by "
                f"{grown_mb:.0f} MB, the windows of the result included",
            ],
            {"lengths": values, "grown_mb": grown_mb},
        )
    ]


def _length(length_s: float) -> str:
    if length_s < 60:
        return f"{length_s:.0f} s"
    return f"{length_s / 60:.0f} min" if length_s < 3600 else f"{length_s / 3600:.0f} h"
