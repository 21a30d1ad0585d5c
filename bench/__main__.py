"""`python -m bench [NAME ...] [--quick] [--json FILE]`: runs the benches named, by default all."""

import argparse
import json
import tempfile
from importlib import import_module
from pathlib import Path

from rich.console import Console

from bench.outcome import machine
from bench.setting import Setting, find_bundle, find_data

_NAMES = (
    "speed",
    "growth",
    "cold",
    "features",
    "vad",
    "live",
    "triage",
    "words",
    "spotting",
    "repeats",
)


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument("--quick", action="store_true", help="short audio, to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers")
    parser.add_argument(
        "--bundle",
        action="append",
        metavar="NAME|PATH",
        help="instead of `voice`; for triage the bundles of all folds, one after the other",
    )
    asked = parser.parse_args()
    if stray := sorted(set(asked.names) - set(_NAMES)):
        parser.error(f"expected {', '.join(_NAMES)}, came {', '.join(stray)}")
    first, *folds = asked.bundle or [None]
    if folds and asked.names != ["triage"]:
        parser.error(f"expected one bundle (several are for triage alone), came {1 + len(folds)}")

    console = Console(width=None if Console().is_terminal else 130)
    console.print(machine(), style="dim", highlight=False)
    results = {}
    with tempfile.TemporaryDirectory(prefix="tonewatch-bench-") as folder:
        work = Path(folder)
        bundle, note, is_trained = find_bundle(first, work)
        more = tuple(find_bundle(each, work)[0] for each in folds)
        note += f" and {len(more)} more folds" if more else ""
        setting = Setting(work, bundle, note, is_trained, find_data(), asked.quick, more)
        for name in asked.names or _NAMES:
            outcomes = import_module(f"bench.{name}").run(setting)
            for outcome in outcomes:
                outcome.print(console)
            results[name] = [
                {"title": outcome.title, "notes": list(outcome.notes), **outcome.values}
                for outcome in outcomes
            ]
    if asked.json is not None:
        content = {"machine": machine(), "bundle": note, "quick": asked.quick, "benches": results}
        asked.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
