"""A past call with words and assessments, as live calls leave them, put into the site's own store.

What was said is given, as a recogniser is slow under load; judging and assessing are the real ones.
"""

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tonewatch.audio.encode import wav
from tonewatch.core.errors import NotFoundError
from tonewatch.core.events import Word
from tonewatch.corpora.collection import Collection
from tonewatch.corpora.quality import measure
from tonewatch.corpora.studio import Consent, Prompts, items
from tonewatch.store.assessments import Assessment, AssessmentKind, Assessments
from tonewatch.store.calls import Calls
from tonewatch.store.database import Database
from tonewatch.store.decisions import KeptDecisions
from tonewatch.store.transcripts import Spotted, Transcripts, Utterance
from tonewatch.store.windows import Window
from tonewatch.triage.assessment import Assessment as Found
from tonewatch.triage.assessment import assess
from tonewatch.triage.cues import from_origin, from_silence, from_words, sound
from tonewatch.triage.gravity import Judge
from tonewatch.triage.policy import shipped
from voices import voice

SAID = (
    (0.2, 1.5, "hello there is a fire in the kitchen"),
    (1.8, 3.6, "my husband is not breathing please send an ambulance"),
    (3.9, 5.0, "there is no gas leak i think"),
    (5.2, 6.4, "you stupid idiot hurry up"),
    (6.6, 7.4, "you have won a free prize"),
)
UNTOLD = (7.6, 8.9)
SPOTTED = (7.9, 8.6, "heart attack")
_SETTLED_S = 4.0


def now() -> datetime:
    return datetime.now(UTC)


def seed(data: Path, call_id: str) -> None:
    """Give a kept call words, a stretch that nobody wrote down, and assessments over its time."""
    database = Database(f"sqlite:///{data / 'tonewatch.db'}")
    _settle(Assessments(database), call_id)
    with closing(sqlite3.connect(data / "tonewatch.db", timeout=60)) as plain, plain:
        plain.execute("DELETE FROM assessments WHERE call_id = ?", (call_id,))
    judge, policy = Judge(), shipped()
    utterances = [Utterance(0, start, end, _words(text, start, end)) for start, end, text in SAID]
    utterances.append(Utterance(0, *UNTOLD, recognised=False))
    Transcripts(database).add(call_id, utterances)
    Transcripts(database).add_spotted(call_id, [Spotted(0, *SPOTTED)])
    rows: list[Assessment] = []
    for n in range(1, len(SAID) + 1):
        begin_s, end_s = SAID[0][0], SAID[n - 1][1]
        judgement = judge.judge(" ".join(text for _, _, text in SAID[:n]))
        assert judgement is not None
        cues = from_words(judgement, begin_s, end_s)
        cues += from_origin(2, no_sim=True, voip=False) + from_silence(end_s, end_s + 0.3)
        cues.append(sound("laughter", 0.9, 4.0, 4.8))
        found = assess(cues, policy)
        assert found is not None
        rows += _rows(call_id, end_s, found)
    Assessments(database).add(call_id, rows)
    database.close()


def _clock(at: datetime) -> Callable[[], datetime]:
    return lambda: at


def _settle(assessments: Assessments, call_id: str) -> None:
    """Wait until the service has kept its own last assessment, which comes after the call's end."""
    n, since = -1, time.monotonic()
    while time.monotonic() - since < _SETTLED_S:
        found = 0
        with suppress(NotFoundError):  # a call so short may end before it is in the store
            found = len(assessments.of(call_id))
        if found != n:
            n, since = found, time.monotonic()
        time.sleep(0.2)


def seed_weeks(data: Path, n_weeks: int = 6, each: int = 12) -> None:
    """Calls of the last weeks that people decided on, sometimes otherwise than was shown; once."""
    if (data / "seeded").exists():
        return
    (data / "seeded").touch()
    database = Database(f"sqlite:///{data / 'tonewatch.db'}")
    rng, policy = random.Random(7), shipped()
    monday = (now() - timedelta(days=now().weekday())).replace(hour=12)
    for n in range(n_weeks * each):
        at = monday - timedelta(weeks=1 + n // each, minutes=20 * (n % each))
        calls, call_id = Calls(database, _clock(at)), f"past-{n:03d}"
        calls.start(
            call_id,
            started_at=at,
            channels=["caller"],
            metadata={"caller": f"Past caller {n + 1}"},
            bundle="voice",
            bundle_sha256="0" * 64,
            threshold=0.6,
        )
        calls.add_windows(call_id, [_window(k, rng.betavariate(4, 3)) for k in range(12)])
        calls.end(call_id, ended_at=at + timedelta(seconds=40), reason="hung_up", duration_s=40)
        cues = [sound("fear", rng.betavariate(2, 3), 0.0, 9.0), sound("scream", rng.random(), 3, 4)]
        cues += [sound("laughter", rng.random(), 5, 6), *from_origin(n % 3, n % 4 == 0, n % 5 == 0)]
        found = assess(cues, policy)
        assert found is not None
        Assessments(database).add(call_id, _rows(call_id, 40.0, found))
        contradicts = rng.random() < 0.2
        outcome = "prank" if found.flagged != contradicts else "genuine"
        urgency = "high" if (found.band == "high") != contradicts else "medium"
        told = _shown(found)
        decisions = KeptDecisions(database, _clock(at))
        decisions.add(call_id, "admin", "outcome", outcome, "as it turned out", told)
        decisions.add(call_id, "admin", "urgency", urgency, "as it turned out", told)
    database.close()


def seed_takes(data: Path, prompts: Prompts, speakers: int) -> None:
    """Made-up voices as takes of a corpus, of speakers who agreed."""
    collection = Collection(data / "studio")
    for n in range(speakers):
        details = {"sex": "male" if n % 2 else "female", "language": "en", "age": "30-39"}
        who = collection.admit(Consent(prompts.consent, now()), details)
        for item in items(prompts):
            samples = np.pad(voice(item.state, n, item.number), 8_000)
            collection.keep(who.number, item, wav(samples), measure(samples))


def _window(k: int, confidence: float) -> Window:
    shares = {"fearful": confidence, "neutral": 1 - confidence}
    return Window(0, 3.0 * k, 3.0 * k + 3, "fearful", confidence, confidence >= 0.6, shares, 2.0)


def _rows(call_id: str, at_s: float, found: Found) -> list[Assessment]:
    told, version = found.to_dict(), found.policy_version
    flag = "check" if found.flagged else "none"
    urgency, check = AssessmentKind.URGENCY, AssessmentKind.CHECK
    return [
        Assessment(
            call_id, at_s, urgency, found.urgency.value, str(found.band), told["urgency"], version
        ),
        Assessment(call_id, at_s, check, found.check.value, flag, told["check"], version),
    ]


def _shown(found: Found) -> dict[str, Any]:
    parts = (*found.urgency.contributions, *found.check.contributions)
    return {
        "band": str(found.band),
        "urgency": found.urgency.value,
        "flagged": found.flagged,
        "check": found.check.value,
        "policy": found.policy_version,
        "strengths": {each.cue.name: each.cue.strength for each in parts},
    }


def _words(text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    words = text.split()
    step = (end_s - start_s) / len(words)
    return tuple(
        Word(word, start_s + i * step, start_s + (i + 1) * step, 0.9)
        for i, word in enumerate(words)
    )
