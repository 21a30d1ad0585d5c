"""What happens in a call: events, in the past tense, and their form as JSON.

`to_dict` and `from_dict` are the one definition of that form, for WebSocket, Redis and disk: a flat
object whose `type` is the class's name in snake_case. Nothing here knows how the events came about
or where they go.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias, get_args

from tonewatch.call.roles import Role
from tonewatch.core.errors import CallError
from tonewatch.core.events import Event, Word
from tonewatch.inference.smoothing import Emotion


class EndReason(StrEnum):
    """Why a call ended."""

    FINISHED = "finished"
    """Its sender said that it was over."""
    HUNG_UP = "hung_up"
    DISCONNECTED = "disconnected"
    """The connection broke and was not taken up again."""
    INTERRUPTED = "interrupted"
    """The service itself ended without warning."""
    DRAINED = "drained"
    """The service was told to stop."""
    REVOKED = "revoked"
    """Its sender's key was revoked, or their sessions were ended."""
    ERROR = "error"
    """What came was no audio."""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call began.

    Attributes:
        call_id: the call's name, unique.
        started_at: when.
        channels: who is on each channel.
        metadata: what the sender told of the call.
        bundle: name of the model.
        bundle_sha256: its hash.
        threshold: confidence from which an estimate is certain.
    """

    call_id: str
    started_at: datetime
    channels: tuple[Role, ...]
    metadata: Mapping[str, str]
    bundle: str
    bundle_sha256: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The analyser of one channel told something; times are seconds of that channel."""

    call_id: str
    channel: int
    role: Role
    event: Event


@dataclass(frozen=True, slots=True)
class CallWarned:
    """Something makes this call's results worth less; each code is told once a call.

    Attributes:
        call_id: the call's name.
        code: `mixed_mono`, `nothing_scored`, `mixed_down`, `clipped`, `dropped`.
        message: the same in a sentence.
    """

    call_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Audio of a channel was lost before it came here; silence was heard in its place."""

    call_id: str
    channel: int
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over.

    Attributes:
        call_id: the call's name.
        ended_at: when.
        reason: why, an `EndReason`.
        duration_s: length of its longest channel, with what was dropped.
        dropped_s: seconds lost, summed over channels.
        emotion: over all windows of all scored channels; None without any.
    """

    call_id: str
    ended_at: datetime
    reason: EndReason
    duration_s: float
    dropped_s: float
    emotion: Emotion | None


@dataclass(frozen=True, slots=True)
class Assessed:
    """How urgent the call is and whether a person should check it, after `at_s` seconds of it.

    Attributes:
        call_id: the call's name.
        at_s: when, in seconds from its start.
        urgency: as `triage.assessment.Assessment.to_dict` has it.
        check: likewise.
        policy: version of the rules that were applied.
    """

    call_id: str
    at_s: float
    urgency: Mapping[str, Any]
    check: Mapping[str, Any]
    policy: str


CallEvent: TypeAlias = CallStarted | Heard | CallWarned | AudioDropped | CallEnded | Assessed


def to_dict(event: CallEvent) -> dict[str, Any]:
    """The event as plain strings, numbers, lists and dictionaries."""
    return {"type": _TYPE_NAMES[type(event)]} | _plain_fields(event)


def from_dict(table: Mapping[str, Any]) -> CallEvent:
    """The event that `to_dict` made `table` of.

    Raises:
        CallError: it is not one.
    """
    event: CallEvent = _parse(table, _CALL_EVENTS)
    return event


def _snake(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


_CALL_EVENTS: dict[str, type] = {_snake(cls): cls for cls in get_args(CallEvent)}
_EVENTS: dict[str, type] = {_snake(cls): cls for cls in get_args(Event)}
_TYPE_NAMES = {cls: name for name, cls in (_CALL_EVENTS | _EVENTS).items()}


def _plain_fields(value: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        named = {"type": _TYPE_NAMES[type(value)]} if type(value) in _TYPE_NAMES else {}
        return named | _plain_fields(value)
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "started_at": datetime.fromisoformat,
    "ended_at": datetime.fromisoformat,
    "channels": lambda names: tuple(Role(name) for name in names),
    "role": Role,
    "reason": EndReason,
    "event": lambda table: _parse(table, _EVENTS),
    "words": lambda rows: tuple(Word(**row) for row in rows),
    "emotion": lambda table: None if table is None else Emotion(**table),
}


def _parse(table: Mapping[str, Any], classes: Mapping[str, type]) -> Any:
    values = dict(table)
    name = values.pop("type", None)
    cls = classes.get(name) if isinstance(name, str) else None
    if cls is None:
        raise CallError(
            f"expected an event of type {', '.join(classes)}, came {name!r}; a newer Tonewatch "
            "may read it"
        )
    try:
        return cls(**{key: _READERS.get(key, _same)(value) for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise CallError(
            f"expected the fields of {name} as they were written, came {error}; it was damaged, or "
            "another version wrote it"
        ) from error


def _same(value: Any) -> Any:
    return value
