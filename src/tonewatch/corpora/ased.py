"""ASED: 27 Amharic sentences in five emotions by 65 speakers.

Names are emotion-sentence-repetition-sex-speaker: a letter and its number, then two digits each.
Source: Retta and others, "A New Amharic Speech Emotion Dataset and Classification Benchmark", 2022.
"""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tonewatch.core.labels import Sex
from tonewatch.corpora.files import read_named, unlike
from tonewatch.corpora.table import Table, Utterance

_EXPECTED = "n1-01-02-01-15.wav"
_NAME = re.compile(r"(n1|f2|h3|s4|a5)-(\d\d)-(\d\d)-(0[12])-(\d\d)", re.IGNORECASE)
_EMOTIONS = {"n1": "neutral", "f2": "fearful", "h3": "happy", "s4": "sad", "a5": "angry"}
_SEXES: dict[str, Sex] = {"01": "female", "02": "male"}


def read(root: Path) -> Table:
    """Read an ASED folder.

    Five speakers have one file whose sex digit contradicts their 11 to 65 others: a slip in the
    name, so each speaker gets the sex of most of their files.
    """
    table = read_named(root, _parse, expected=_EXPECTED)
    votes: dict[str, Counter[Sex]] = {}
    for utterance in table.utterances:
        if utterance.sex:
            votes.setdefault(utterance.speaker, Counter())[utterance.sex] += 1
    sexes = {speaker: vote.most_common(1)[0][0] for speaker, vote in votes.items()}
    return Table(tuple(replace(u, sex=sexes[u.speaker]) for u in table.utterances), table.problems)


def _parse(path: Path) -> Utterance | str:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return unlike(_EXPECTED)
    emotion, sentence, repetition, sex, speaker = match.groups()
    return Utterance(
        path=path,
        emotion=_EMOTIONS[emotion.lower()],
        speaker=f"ased:{speaker}",
        sex=_SEXES[sex],
        language="am",
        corpus="ased",
        extra={"sentence": sentence, "repetition": repetition},
    )
