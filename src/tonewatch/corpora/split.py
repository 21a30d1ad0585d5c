"""One division of a recorded corpus by speaker: to train on, to validate, to test.

No voice is in two parts, and copies that were made of other recordings are in the first alone.
Knows rows of a list, not audio.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tonewatch.core.errors import CorpusError, SettingsError
from tonewatch.corpora.recorded import Row

PARTS = ("train", "validation", "test")
"""Names of the parts."""


def split(
    rows: Sequence[Row], shares: Sequence[float], rng: np.random.Generator
) -> dict[str, list[Row]]:
    """Divide rows.

    Args:
        rows: of a list.
        shares: how many of the speakers each part gets; three numbers from 0, the first above it.
            A part with a share gets one speaker at least.
        rng: draws who goes where, women and men in turn.

    Raises:
        SettingsError: wrong shares.
        CorpusError: fewer speakers than parts.
    """
    if (
        len(shares) != len(PARTS)
        or not all(math.isfinite(share) and share >= 0 for share in shares)
        or shares[0] <= 0
    ):
        raise SettingsError(
            "expected three shares from 0, the first above it, came "
            f"{','.join(format(share, 'g') for share in shares)}; give them as 70,15,15"
        )
    homes = _homes(rows, [share / sum(shares) for share in shares], rng)
    parts: dict[str, list[Row]] = {name: [] for name in PARTS}
    for row in rows:
        home = homes[row.speaker]
        if home == "train" or row.source == "natural":
            parts[home].append(row)
    return parts


def _homes(
    rows: Sequence[Row], shares: Sequence[float], rng: np.random.Generator
) -> Mapping[str, str]:
    sexes = {row.speaker: row.sex for row in rows}
    parts = sum(share > 0 for share in shares)
    if len(sexes) < parts:
        raise CorpusError(
            f"expected {parts} speakers or more, one for each part, got {len(sexes)}; record "
            "others, or leave a part out with a share of 0"
        )
    drawn = [sorted(sexes)[i] for i in rng.permutation(len(sexes)).tolist()]
    queues = [[who for who in drawn if sexes[who] == sex] for sex in ("female", "male", None)]
    in_turn: list[str] = []
    while any(queues):
        in_turn += [queue.pop(0) for queue in queues if queue]
    homes: dict[str, str] = {}
    left = len(in_turn)
    for name, share in reversed(list(zip(PARTS, shares, strict=True))[1:]):
        others = 1 + (name == "test" and shares[1] > 0)  # parts that still need a speaker
        wanted = min(max(1, round(share * len(in_turn))), left - others) if share > 0 else 0
        for who in in_turn[len(homes) : len(homes) + wanted]:
            homes[who] = name
        left -= wanted
    return dict.fromkeys(in_turn, "train") | homes
