"""Assesses this process's live calls, in a thread of its own that nothing else waits for.

It follows the calls' events, keeps a `Case` of each, and lets be told what changed, at most once a
second a call. Switched off, it takes back what was told and learns nothing but when somebody spoke,
or that would pass for silence later. After a call's end it waits a while for the last words, for
the record alone. It knows no socket and no audio.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from tonewatch.call.events import (
    Assessed,
    AudioDropped,
    CallEnded,
    CallEvent,
    CallStarted,
    Heard,
    to_dict,
)
from tonewatch.call.roles import scored
from tonewatch.call.sinks import Subscription
from tonewatch.core.errors import TonewatchError
from tonewatch.core.events import SpeechEnded, SpeechStarted
from tonewatch.service.live.keeper import Item
from tonewatch.store.calls import Calls
from tonewatch.triage.assessment import Assessment
from tonewatch.triage.case import Case, Origin
from tonewatch.triage.gravity import Judge
from tonewatch.triage.policy import Policy

_TURN_S = 0.2
_TELL_EVERY_S = 1.0
_LAST_WORDS_S = 30.0
_CALLED_BEFORE = timedelta(days=1)
_MOST_CALLS = 50
_APART_S = 0.001


@dataclass
class _Followed:
    """A call, and what was told of it."""

    started: CallStarted
    case: Case
    is_new: bool = True
    told: tuple[Any, ...] | None = None
    told_at: float = float("-inf")
    told_s: float = float("-inf")
    ended: CallEnded | None = None
    ended_at: float = 0.0

    def at_s(self, now_s: float) -> float:
        """The second of what is told at `now_s` of the call; later than what was told before.

        By it the store knows one from another, and words and new rules change what is shown while
        the call's time stays.
        """
        return max(now_s, self.told_s + _APART_S)


class Triage:
    """A thread that assesses.

    Args:
        events: those of this process's calls.
        policy: the rules in force.
        is_on: whether calls are to be scored at all.
        tell: lets events of a call be told; gives whether they will be.
        keep: takes an item of what is told to nobody any more.
        calls_before: how often a number called before, by the number and the call.
        has_late_words: whether words of a call that ended may still come.
        clock: the monotonic time.
    """

    def __init__(
        self,
        events: Subscription,
        *,
        policy: Callable[[], Policy],
        is_on: Callable[[], bool],
        tell: Callable[[str, Sequence[CallEvent]], bool],
        keep: Callable[[Item], None],
        calls_before: Callable[[str, CallStarted], int],
        has_late_words: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._events = events
        self._policy = policy
        self._is_on = is_on
        self._tell = tell
        self._keep = keep
        self._calls_before = calls_before
        self._has_late_words = has_late_words
        self._clock = clock
        self._judge = Judge()
        self._calls: dict[str, _Followed] = {}
        self._late: list[Heard] = []
        self._version = ""
        self._on = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="triage", daemon=True)
        self._log = structlog.get_logger("tonewatch.live")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Assess what is left, end the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def put(self, heard: Heard) -> None:
        """Take words that came after their call's end."""
        self._late.append(heard)

    def turn(self, *, last: bool = False) -> None:
        """Take note of what happened, tell what changed.

        Raises:
            StoreError: the database is away, and never told the rules.
        """
        # First, as these may fail: then no event is lost.
        policy, on = self._policy(), self._is_on()
        was_on, self._on = self._on, on
        # Asked before the words are taken, or those that come in between would be left out.
        all_said = {call_id for call_id in self._calls if not self._has_late_words(call_id)}
        late = [self._late.pop(0) for _ in range(len(self._late))]
        changed = {event.call_id for event in [*self._events.take(), *late] if self._noted(event)}
        if not self._on:
            if was_on:
                self._withdraw(policy)
            self._forget_ended()
            return
        if policy.version != self._version or not was_on:
            self._version = policy.version
            changed |= set(self._calls)
        for call_id in changed:
            if call_id in self._calls:
                self._calls[call_id].is_new = True
        for followed in list(self._calls.values()):
            self._look(followed, policy, last or followed.started.call_id in all_said)

    def _run(self) -> None:
        while True:
            stopping = self._stopped.wait(_TURN_S)
            try:
                self.turn(last=stopping)
            except TonewatchError as error:  # the database may be away; later it may answer
                self._log.error("not_assessed", kind=error.kind, error=str(error))
            except Exception as error:  # nor may a defect end what watches over all calls
                self._log.error("triage_broke", exc_info=error)
            if stopping:
                return

    def _noted(self, event: CallEvent) -> bool:
        try:
            return self._take(event)
        except Exception as error:  # one call's trouble must not end the others
            self._log.error("triage_broke", call_id=event.call_id, exc_info=error)
            return False

    def _take(self, event: CallEvent) -> bool:
        """Take note; gives whether it may change what is shown."""
        if isinstance(event, CallStarted):
            origin = Origin.of(event.metadata)
            if origin.number is not None and self._on:
                origin = origin.called_before(self._before(origin.number, event))
            self._calls[event.call_id] = _Followed(event, Case(self._judge, origin))
            return True
        followed = self._calls.get(event.call_id)
        if followed is None:
            return False
        if isinstance(event, CallEnded):
            followed.ended, followed.ended_at = event, self._clock()
        elif isinstance(event, AudioDropped):
            if scored(followed.started.channels[event.channel]):
                followed.case.lose(event.start_s, event.start_s + event.duration_s)
                return True
        elif (
            isinstance(event, Heard)
            and scored(event.role)
            and (self._on or isinstance(event.event, SpeechStarted | SpeechEnded))
        ):
            followed.case.take(event.event, event.channel)
            return True
        return False

    def _before(self, number: str, started: CallStarted) -> int:
        try:
            return self._calls_before(number, started)
        except TonewatchError as error:
            self._log.warning("calls_before_unknown", call_id=started.call_id, error=str(error))
            return 0

    def _look(self, followed: _Followed, policy: Policy, all_said: bool) -> None:
        now, call_id = self._clock(), followed.started.call_id
        if followed.ended is not None:
            waited = now - followed.ended_at > _LAST_WORDS_S
            if all_said or waited:
                del self._calls[call_id]
                found = followed.case.assess(followed.ended.duration_s, policy)
                if found is not None and _shown(found) != followed.told:
                    at_s = followed.at_s(followed.ended.duration_s)
                    self._keep(to_dict(_assessed(call_id, at_s, found)))
            return
        if not followed.is_new or now - followed.told_at < _TELL_EVERY_S:
            return
        followed.is_new = False
        found = followed.case.assess(followed.case.now_s, policy)
        if found is None or (shown := _shown(found)) == followed.told:
            return
        # Where the call is over by now nobody is told, and its end keeps it.
        at_s = followed.at_s(followed.case.now_s)
        if self._tell(call_id, [_assessed(call_id, at_s, found)]):
            followed.told, followed.told_at, followed.told_s = shown, now, at_s

    def _withdraw(self, policy: Policy) -> None:
        """Take back what was told: without a word of urgency, nothing is to be shown."""
        for call_id, followed in self._calls.items():
            if followed.told is not None and followed.ended is None:
                followed.told_s = followed.at_s(followed.case.now_s)
                self._tell(call_id, [Assessed(call_id, followed.told_s, {}, {}, policy.version)])
            followed.told = None

    def _forget_ended(self) -> None:
        for call_id in [key for key, each in self._calls.items() if each.ended is not None]:
            del self._calls[call_id]


def calls_before(calls: Calls, number: str, started: CallStarted) -> int:
    """How many calls of the last day had this number; errors as `Calls.list`."""
    since: datetime = started.started_at - _CALLED_BEFORE
    found = calls.list(search=number, since=since, per_page=_MOST_CALLS).items
    return sum(
        _number(call.metadata) == number
        for call in found
        if call.id != started.call_id and call.started_at <= started.started_at
    )


def _number(metadata: Mapping[str, str]) -> str | None:
    return Origin.of(metadata).number


def _assessed(call_id: str, at_s: float, found: Assessment) -> Assessed:
    told = found.to_dict()
    return Assessed(call_id, at_s, told["urgency"], told["check"], told["policy"])


def _shown(found: Assessment) -> tuple[Any, ...]:
    """What people see of it; what differs in less is not told again."""
    return (
        found.policy_version,
        found.band,
        found.flagged,
        *(
            (round(score.value, 2), score.reason, tuple(c.cue.name for c in score.contributions))
            for score in (found.urgency, found.check)
        ),
    )
