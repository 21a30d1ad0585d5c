"""Keeps what happened in live calls in the store: what `Writer` gives, or a spool gives back.

An item is an event as `call.events.to_dict` makes it, or one of `recorded` and `shown`; of words
only those that stay. All may come twice. It knows no thread and no socket.
"""

from collections.abc import Sequence
from typing import Any

from tonewatch.call.events import (
    Assessed,
    CallEnded,
    CallStarted,
    CallWarned,
    Heard,
    from_dict,
)
from tonewatch.core.events import (
    EmotionEstimated,
    NoSpeech,
    NotTranscribed,
    PhraseSpotted,
    WordsRecognised,
)
from tonewatch.store.assessments import Assessment, AssessmentKind, Assessments
from tonewatch.store.audit import Audit, Draft
from tonewatch.store.calls import Calls
from tonewatch.store.database import Database
from tonewatch.store.recordings import Recordings
from tonewatch.store.transcripts import Spotted, Transcripts, Utterance
from tonewatch.store.windows import Window

Item = dict[str, Any]


def recorded(call_id: str, **recording: Any) -> Item:
    """The item of a call's recording, with the arguments of `Recordings.add`."""
    return {"type": "recorded", "call_id": call_id, "recording": recording}


def shown(call_id: str, actor: str, action: str, details: dict[str, Any]) -> Item:
    """The item of an entry in the audit."""
    return {
        "type": "shown",
        "call_id": call_id,
        "actor": actor,
        "action": action,
        "details": details,
    }


class Keeper:
    """Keeps items in one database, through its repositories."""

    def __init__(
        self,
        database: Database,
        calls: Calls,
        recordings: Recordings,
        transcripts: Transcripts,
        assessments: Assessments,
        audit: Audit,
    ) -> None:
        self._database = database
        self._calls = calls
        self._recordings = recordings
        self._transcripts = transcripts
        self._assessments = assessments
        self._audit = audit

    def __call__(self, items: Sequence[Item]) -> None:
        """Keep them, all or none.

        Raises:
            UnavailableError: the database is away.
            CallError, ConflictError, NotFoundError, UnfitError: one of them can never be kept.
        """
        windows: dict[str, list[Window]] = {}
        said: dict[str, list[Utterance]] = {}
        spotted: dict[str, list[Spotted]] = {}
        later: list[Item] = []
        with self._database.begin():
            for item in items:
                if item["type"] == "call_started":
                    self._start(from_dict(item))
                elif item["type"] == "heard":
                    event = from_dict(item)
                    assert isinstance(event, Heard)
                    if isinstance(event.event, WordsRecognised | NotTranscribed):
                        said.setdefault(event.call_id, []).append(_utterance(event, event.event))
                    elif isinstance(event.event, PhraseSpotted):
                        spotted.setdefault(event.call_id, []).append(_phrase(event, event.event))
                    else:
                        windows.setdefault(event.call_id, []).append(_window(event))
                else:
                    later.append(item)
            if windows:
                self._calls.add_windows_of(windows)
            for call_id, utterances in said.items():
                self._transcripts.add(call_id, utterances)
            for call_id, phrases in spotted.items():
                self._transcripts.add_spotted(call_id, phrases)
            for item in later:
                self._keep_later(item)
            # Last, as it holds up everybody else's entries.
            self._audit.append_all([_draft(item) for item in later if item["type"] == "shown"])

    def _keep_later(self, item: Item) -> None:
        if item["type"] == "recorded":
            self._recordings.add(
                call_id=item["call_id"], recording_id=item["call_id"], **item["recording"]
            )
        elif item["type"] != "shown":
            event = from_dict(item)
            if isinstance(event, CallWarned):
                self._calls.warn(event.call_id, event.code, event.message)
            elif isinstance(event, Assessed):
                self._assessments.add(event.call_id, _assessments(event))
            elif isinstance(event, CallEnded):
                self._calls.end(
                    event.call_id,
                    ended_at=event.ended_at,
                    reason=event.reason.value,
                    duration_s=event.duration_s,
                    dropped_s=event.dropped_s,
                    emotion=item["emotion"],
                )

    def _start(self, event: object) -> None:
        assert isinstance(event, CallStarted)
        self._calls.start(
            event.call_id,
            started_at=event.started_at,
            channels=[role.value for role in event.channels],
            metadata=event.metadata,
            bundle=event.bundle,
            bundle_sha256=event.bundle_sha256,
            threshold=event.threshold,
        )


def _utterance(event: Heard, said: WordsRecognised | NotTranscribed) -> Utterance:
    if isinstance(said, NotTranscribed):
        return Utterance(event.channel, said.start_s, said.end_s, recognised=False)
    return Utterance(event.channel, said.start_s, said.end_s, said.words)


def _phrase(event: Heard, spotted: PhraseSpotted) -> Spotted:
    return Spotted(event.channel, spotted.start_s, spotted.end_s, spotted.phrase)


def _assessments(event: Assessed) -> list[Assessment]:
    flag = "check" if event.check["flagged"] else "none"
    return [
        Assessment(event.call_id, event.at_s, kind, score["value"], band, score, event.policy)
        for kind, score, band in (
            (AssessmentKind.URGENCY, event.urgency, event.urgency["band"]),
            (AssessmentKind.CHECK, event.check, flag),
        )
    ]


def _window(event: Heard) -> Window:
    heard = event.event
    if isinstance(heard, EmotionEstimated):
        return Window(
            channel=event.channel,
            start_s=heard.start_s,
            end_s=heard.end_s,
            label=heard.label,
            confidence=heard.confidence,
            certain=heard.certain,
            probabilities=heard.probabilities,
            speech_s=heard.speech_s,
        )
    assert isinstance(heard, NoSpeech)
    return Window(event.channel, heard.start_s, heard.end_s)


def _draft(item: Item) -> Draft:
    return Draft(item["actor"], item["action"], f"call:{item['call_id']}", item["details"])
