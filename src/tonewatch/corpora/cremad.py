"""CREMA-D: twelve English sentences in six emotions by 91 actors.

Names are actor_sentence_emotion_intensity. Actors' sexes are only in the corpus's own list
`VideoDemographics.csv`; without it they stay unknown. Source: Cao and others, "CREMA-D:
Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing, 2014.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tonewatch.core.labels import Sex
from tonewatch.corpora.files import read_named, read_rows, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "1001_DFA_ANG_XX.wav"
_LIST = "VideoDemographics.csv"
# One original is called 1040_ITH_SAD_X.
_NAME = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)", re.IGNORECASE)
_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high"}


def read(root: Path) -> Table:
    """Read a CREMA-D folder, with its list of actors in it or one folder up when it is there."""
    found = _find_list(root)
    actors = _actors(found) if found else {}
    return read_named(root, lambda path: _parse(path, actors), expected=_EXPECTED)


def _find_list(root: Path) -> Path | None:
    if os.path.isfile(beside := root.parent / _LIST):
        return beside
    return next((Path(at, _LIST) for at, _, names in os.walk(root) if _LIST in names), None)


def _actors(path: Path) -> dict[str, Mapping[str, str]]:
    return {row.get("ActorID", ""): row for row in read_rows(path)}


def _parse(path: Path, actors: Mapping[str, Mapping[str, str]]) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    actor, sentence, emotion, intensity = (part.upper() for part in match.groups())
    listed = actors.get(actor, {})
    sexes: Mapping[str, Sex] = {"male": "male", "female": "female"}
    extra = {
        "sentence": sentence,
        "intensity": _INTENSITIES.get(intensity, ""),
        "age": listed.get("Age", ""),
    }
    return Utterance(
        path=path,
        emotion=_EMOTIONS[emotion],
        speaker=f"cremad:{actor}",
        sex=sexes.get((listed.get("Sex") or "").strip().lower()),
        language="en",
        corpus="cremad",
        extra={key: value for key, value in extra.items() if value},
    )
