"""Writes sample_call.ogg: an invented emergency caller, spoken by espeak-ng in seven prosodies.

Nobody is heard in it and nothing in it happened. It shows what the program prints, not how well
the model hears: the model learnt from people, and espeak-ng's moods are only pitch, range, speed
and loudness (directions after Scherer 2003, "Vocal communication of emotion", table 1).

Needs the program espeak-ng, and numpy, soundfile and soxr, which Tonewatch installs.
Usage: python samples/make_sample_call.py [sample_call.ogg]
"""

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
VOICE = "en-us+f3"


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence and the way it is said, in espeak-ng's own units."""

    text: str
    pitch: int  # 0-99, 50 is the voice's own
    range: str  # of pitch, as SSML names it
    words_per_minute: int
    peak: float  # loudest sample afterwards, 1.0 is full scale
    pause_s: float  # silence that follows


LINES = (
    Line("Hello. Yes, I am calling from the house at nine Mill Lane.", 45, "low", 150, 0.35, 0.6),
    Line("There is smoke coming up from the kitchen.", 50, "medium", 155, 0.4, 0.4),
    Line("Oh! It is burning! The whole wall is on fire!", 90, "x-high", 205, 0.85, 0.3),
    Line("Please hurry! My father is still upstairs! Please!", 95, "x-high", 225, 0.9, 1.2),
    Line("I told you where we are! Why is nobody here yet?", 70, "x-high", 190, 0.95, 0.4),
    Line("He is not answering me. I should never have left him.", 25, "x-low", 105, 0.22, 0.7),
    Line("Oh, there he is! He is out! Thank you, thank you so much!", 80, "x-high", 180, 0.7, 0.2),
)


def speak(line: Line) -> NDArray[np.float32]:
    """Returns one sentence as mono samples at `RATE_HZ`, shape [n], silence after it included."""
    ssml = f'<speak><prosody range="{line.range}">{line.text}</prosody></speak>'
    options = ["-v", VOICE, "-p", str(line.pitch), "-s", str(line.words_per_minute)]
    spoken = subprocess.run(
        ["espeak-ng", *options, "-m", "--stdout", ssml], check=True, capture_output=True
    ).stdout
    samples, rate_hz = soundfile.read(io.BytesIO(spoken), dtype="float32")
    samples = soxr.resample(samples, rate_hz, RATE_HZ)
    samples *= line.peak / np.abs(samples).max()
    return np.concatenate([samples, np.zeros(round(line.pause_s * RATE_HZ), np.float32)])


def main(out: Path) -> None:
    """Speaks every line over a faint, fixed line noise and writes one Opus file."""
    call = np.concatenate([speak(line) for line in LINES])
    noise = np.random.default_rng(112).normal(0.0, 0.001, call.size)  # -60 dB of full scale
    mixed = np.clip(call + noise, -1.0, 1.0).astype(np.float32)
    soundfile.write(out, mixed, RATE_HZ, format="OGG", subtype="OPUS", compression_level=0.95)
    print(f"{out}: {call.size / RATE_HZ:.1f} s, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("sample_call.ogg"))
