"""The shipped scripts, spoken beforehand by espeak-ng, so that a demonstration needs nothing else.

`spoken/NAME.ogg` has the lines of a script after each other (8 kHz Opus, as a telephone has no
more), `spoken/call_taker.ogg` those of the person who answers, and `spoken/index.json` the times
of all. Nobody is heard in it and nothing in it happened.

`python -m tonewatch.simulate.spoken` makes them anew; it needs espeak-ng.
"""

import json
from functools import cached_property
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import soxr

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples
from tonewatch.simulate.espeak import Espeak
from tonewatch.simulate.scripts import Line, call_taker, shipped

_LINE_RATE_HZ = 8_000
_GAP_S = 0.2
_FOLDER = files("tonewatch.simulate") / "spoken"


class Spoken:
    """Says what the shipped scripts say, and nothing else."""

    def say(self, text: str, emotion: str | None, voice: int) -> Samples:
        """One sentence, shape [n], 16 kHz; each has the emotion and voice that it was spoken with.

        Raises:
            SettingsError: the text is in no shipped script.
        """
        found = self._index.get(text)
        if found is None:
            raise SettingsError(
                f"expected a line of the shipped scripts, came {text!r}; texts of your own are "
                "spoken by espeak-ng"
            )
        name, start_s, end_s = found
        whole = self._recording(name)
        return whole[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]

    @cached_property
    def _index(self) -> dict[str, tuple[str, float, float]]:
        content = json.loads((_FOLDER / "index.json").read_text("utf-8"))
        return {text: (name, start_s, end_s) for text, name, start_s, end_s in content}

    @cached_property
    def _known(self) -> dict[str, Samples]:
        return {}

    def _recording(self, name: str) -> Samples:
        if name not in self._known:
            samples, rate_hz = soundfile.read(
                BytesIO((_FOLDER / f"{name}.ogg").read_bytes()), dtype="float32"
            )
            self._known[name] = soxr.resample(samples, rate_hz, RATE_HZ)
        return self._known[name]


def make(folder: Path) -> None:
    """Speak all scripts into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    espeak = Espeak()
    index: list[tuple[str, str, float, float]] = []
    greeting = [Line(text, "calm") for text in call_taker()]
    scripts = {script.name.replace(" ", "-"): script.lines for script in shipped()}
    for voice, (name, lines) in enumerate([*scripts.items(), ("call_taker", tuple(greeting))]):
        parts: list[Samples] = []
        at = 0
        for line in lines:
            said = espeak.say(line.text, line.emotion, voice)
            index.append(
                (line.text, name, round(at / RATE_HZ, 4), round((at + said.size) / RATE_HZ, 4))
            )
            gap = np.zeros(round(_GAP_S * RATE_HZ), np.float32)
            parts += [said, gap]
            at += said.size + gap.size
        narrow = soxr.resample(np.concatenate(parts), RATE_HZ, _LINE_RATE_HZ)
        soundfile.write(
            folder / f"{name}.ogg",
            np.clip(narrow, -1, 1),
            _LINE_RATE_HZ,
            format="OGG",
            subtype="OPUS",
            compression_level=0.97,
        )
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in index)
    (folder / "index.json").write_text(f"[\n{rows}\n]\n", "utf-8")


if __name__ == "__main__":
    make(Path(str(_FOLDER)))
