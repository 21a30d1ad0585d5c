"""Words spoken by espeak-ng, an outside program, in prosodies after the emotions.

A synthetic voice: its moods are only pitch, range, speed and loudness (directions after Scherer
2003, "Vocal communication of emotion", table 1). It shows what happens when a call is heard; it
says nothing of how well people are heard.
"""

import io
import shutil
import subprocess
from dataclasses import dataclass
from html import escape

import numpy as np
import soundfile
import soxr

from tonewatch.core.errors import SettingsError
from tonewatch.core.signal import RATE_HZ, Samples

PROGRAM = "espeak-ng"
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Prosody:
    """In espeak-ng's own units.

    Attributes:
        pitch: 0 to 99; 50 is the voice's own.
        range: of pitch, as SSML names it.
        words_per_minute: speed.
        peak: the loudest sample, 1.0 is full scale.
    """

    pitch: int
    range: str
    words_per_minute: int
    peak: float


PROSODIES = {
    "neutral": Prosody(50, "medium", 155, 0.4),
    "calm": Prosody(42, "low", 135, 0.35),
    "happy": Prosody(75, "x-high", 180, 0.65),
    "sad": Prosody(25, "x-low", 110, 0.25),
    "angry": Prosody(70, "x-high", 190, 0.95),
    "fearful": Prosody(92, "x-high", 215, 0.85),
    "disgust": Prosody(35, "low", 130, 0.5),
    "surprised": Prosody(90, "x-high", 190, 0.75),
    "bored": Prosody(35, "x-low", 120, 0.3),
}
"""How each emotion is said; others as neutral."""

VOICES = {
    "en": ("en-us+f3", "en-us+m3", "en-gb+f2", "en-gb+m7", "en-us+f5", "en-us+m1"),
    "de": ("de+f3", "de+m3", "de+f2", "de+m7"),
}
"""Voices that differ, by language."""


class Espeak:
    """Speaks any text.

    Args:
        voices: espeak-ng's names of them; a caller has one of these.

    Raises:
        SettingsError: the program is not there.
    """

    def __init__(self, voices: tuple[str, ...] = VOICES["en"]) -> None:
        if not voices:
            raise SettingsError("expected voices of espeak-ng, came none; see espeak-ng --voices")
        if shutil.which(PROGRAM) is None:
            raise SettingsError(
                f"expected the program {PROGRAM} to speak texts, it is not installed; install it "
                "(Debian and Ubuntu: apt install espeak-ng), or name a corpus whose speakers are "
                "heard instead"
            )
        self.voices = voices

    def say(self, text: str, emotion: str | None, voice: int) -> Samples:
        """One sentence, shape [n], 16 kHz; `voice` is a number that stays a caller's own.

        Raises:
            SettingsError: the program failed.
        """
        prosody = PROSODIES.get(emotion or "neutral", PROSODIES["neutral"])
        ssml = f'<speak><prosody range="{prosody.range}">{escape(text)}</prosody></speak>'
        name = self.voices[voice % len(self.voices)]
        options = ["-v", name, "-p", f"{prosody.pitch}", "-s", f"{prosody.words_per_minute}"]
        try:
            done = subprocess.run(
                [PROGRAM, *options, "-m", "--stdout", "--stdin"],
                input=ssml.encode(),
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
            if done.returncode or not done.stdout:
                why = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
                raise _failed(name, why)
            samples, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
        except subprocess.TimeoutExpired as error:
            raise _failed(name, f"nothing within {_PATIENCE_S:g} s") from error
        except OSError as error:
            raise _failed(name, str(error)) from error
        except soundfile.LibsndfileError as error:
            raise _failed(name, f"a damaged WAV file: {error.error_string}") from error
        spoken: Samples = soxr.resample(samples, rate_hz, RATE_HZ)
        loudest = float(np.abs(spoken).max(initial=0.0))
        return spoken * np.float32(prosody.peak / loudest) if loudest else spoken


def _failed(voice: str, why: str) -> SettingsError:
    return SettingsError(
        f"expected {PROGRAM} to speak with the voice {voice}, came: {why}; see {PROGRAM} --voices"
    )
