"""All repositories on one database, and short ways to put something into them."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tonewatch.core.events import Word
from tonewatch.store.assessments import Assessment, AssessmentKind, Assessments
from tonewatch.store.audit import Audit
from tonewatch.store.blobs import FolderBlobs
from tonewatch.store.calls import CallRecord, Calls
from tonewatch.store.database import Database
from tonewatch.store.decisions import KeptDecisions
from tonewatch.store.drift import Drift
from tonewatch.store.export import Export
from tonewatch.store.keys import ApiKeys
from tonewatch.store.links import OneTimeLinks
from tonewatch.store.notes import Notes
from tonewatch.store.policies import PolicyTexts
from tonewatch.store.preferences import Preferences
from tonewatch.store.recordings import Recording, Recordings
from tonewatch.store.retention import Retention
from tonewatch.store.transcripts import Spotted, Transcripts, Utterance
from tonewatch.store.users import Users
from tonewatch.store.windows import Window

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SHA = "ab" * 32
EMOTION = {"label": "fear", "confidence": 0.75, "certain": True, "probabilities": {"fear": 0.75}}


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Kept:
    db: Database
    clock: Clock
    blobs: FolderBlobs
    users: Users
    links: OneTimeLinks
    keys: ApiKeys
    calls: Calls
    notes: Notes
    decisions: KeptDecisions
    recordings: Recordings
    assessments: Assessments
    transcripts: Transcripts
    policies: PolicyTexts
    drift: Drift
    audit: Audit
    retention: Retention
    preferences: Preferences
    export: Export

    @classmethod
    def open(cls, db: Database, clock: Clock, folder: Path) -> "Kept":
        blobs = FolderBlobs(folder)
        calls, audit, assessments = Calls(db, clock), Audit(db, clock), Assessments(db)
        notes, decisions = Notes(db, clock), KeptDecisions(db, clock)
        recordings, transcripts = Recordings(db, clock, blobs), Transcripts(db)
        return cls(
            db=db,
            clock=clock,
            blobs=blobs,
            users=Users(db, clock),
            links=OneTimeLinks(db, clock),
            keys=ApiKeys(db, clock),
            calls=calls,
            notes=notes,
            decisions=decisions,
            recordings=recordings,
            assessments=assessments,
            transcripts=transcripts,
            policies=PolicyTexts(db, clock),
            drift=Drift(db),
            audit=audit,
            retention=Retention(db, clock, recordings, audit),
            preferences=Preferences(db, clock),
            export=Export(
                calls, notes, decisions, recordings, assessments, transcripts, audit, blobs
            ),
        )

    def call(self, call_id: str, *, minutes: float = 0, **metadata: str) -> CallRecord:
        """A call that begins so many minutes after noon."""
        return self.calls.start(
            call_id,
            started_at=NOON + timedelta(minutes=minutes),
            channels=("caller", "call_taker"),
            metadata=metadata,
            bundle="voice",
            bundle_sha256=SHA,
            threshold=0.6,
        )

    def ended_call(self, call_id: str, **metadata: str) -> CallRecord:
        """A call of 10 s with two windows, that ends now."""
        self.call(call_id, minutes=0, **metadata)
        self.calls.add_windows(call_id, windows(2))
        return self.calls.end(
            call_id,
            ended_at=self.clock(),
            reason="finished",
            duration_s=10.0,
            emotion=EMOTION,
        )

    def recording(self, content: bytes, **more: Any) -> Recording:
        sha256, size_bytes = self.blobs.put(io.BytesIO(content))
        known: dict[str, Any] = {
            "sha256": sha256,
            "name": "call.flac",
            "size_bytes": size_bytes,
            "duration_s": 10.0,
            "rate_hz": 16000,
            "channels": 1,
            "codec": "flac",
        }
        return self.recordings.add(**(known | more))

    def assessment(self, call_id: str) -> Assessment:
        made = Assessment(call_id, 1.5, AssessmentKind.URGENCY, 0.7, "high", {"fear": 0.4}, "1")
        self.assessments.add(call_id, [made])
        return made

    def said(self, call_id: str) -> tuple[Utterance, ...]:
        """Two utterances, of which the second was not written down."""
        words = (Word("my", 1.0, 1.2, 0.9), Word("mother", 1.2, 1.6, 0.5))
        made = (Utterance(0, 1.0, 1.6, words), Utterance(0, 2.0, 3.0, recognised=False))
        self.transcripts.add(call_id, made)
        return made

    def spotted(self, call_id: str) -> tuple[Spotted, ...]:
        """A phrase that was spotted."""
        made = (Spotted(0, 1.1, 1.9, "not breathing"),)
        self.transcripts.add_spotted(call_id, made)
        return made


def windows(n: int, *, first: int = 0, channel: int = 0) -> tuple[Window, ...]:
    """Windows of 3 s, one each second; each third without speech."""
    return tuple(
        Window(channel, float(k), k + 3.0)
        if k % 3 == 2
        else Window(channel, float(k), k + 3.0, "fear", 0.1 + 0.2, True, {"fear": 0.3}, 2.96)
        for k in range(first, first + n)
    )
