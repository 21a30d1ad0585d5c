"""RAVDESS: English speech and song by 24 actors, as sound or audio-video files.

Names are modality-channel-emotion-intensity-statement-repetition-actor, two digits each; actors
with an odd number are men. Source: Livingstone and Russo, "The Ryerson Audio-Visual Database of
Emotional Speech and Song", PLoS ONE 13(5), 2018. Speech and song share their actors.
"""

import re
from pathlib import Path

from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "03-01-06-01-02-01-12.wav"
_NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_MODALITIES = {"01": "audio-video", "03": "audio"}
_CHANNELS = {"01": "speech", "02": "song"}
_INTENSITIES = {"01": "normal", "02": "strong"}


def read(root: Path) -> Table:
    """Read a RAVDESS folder, be it speech, song or both; silent videos are left aside."""
    return read_named(root, _parse, expected=_EXPECTED, identity=_take)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    if modality == "02":
        return "video without sound (modality 02)"
    return Utterance(
        path=path,
        emotion=_EMOTIONS[int(emotion) - 1],
        speaker=f"ravdess:{actor}",
        sex="male" if int(actor) % 2 else "female",
        language="en",
        corpus="ravdess",
        extra={
            "modality": _MODALITIES[modality],
            "channel": _CHANNELS[channel],
            "intensity": _INTENSITIES[intensity],
            "statement": statement,
            "repetition": repetition,
        },
    )


def _take(utterance: Utterance) -> str:
    # 01-... and 03-... are the same performance, with and without its picture.
    return utterance.path.stem[2:]
