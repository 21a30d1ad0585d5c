"""A live call as dashboards show it: what its events told so far, also in another process."""

import json
from dataclasses import dataclass, replace
from typing import Any

from tonewatch.call.events import (
    Assessed,
    AudioDropped,
    CallEvent,
    CallStarted,
    CallWarned,
    Heard,
    from_dict,
    to_dict,
)
from tonewatch.core.errors import CallError
from tonewatch.core.events import EmotionEstimated, NoSpeech, PhraseSpotted, Said

_WORDS_S = 60.0
_MOST_UTTERANCES = 200


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that is heard now, as far as it is known.

    Attributes:
        started: how it began.
        process: which process hears it.
        heard_s: the end of its last window.
        window: its last window, of any channel; None before the first.
        estimate: the last window in which an emotion was heard.
        warnings: in the order they came.
        dropped_s: seconds lost.
        assessment: how urgent it is and whether to check it; None where nobody says.
        words: what was said or spotted in the last minute, or could not be written down.
    """

    started: CallStarted
    process: str
    heard_s: float = 0.0
    window: Heard | None = None
    estimate: Heard | None = None
    warnings: tuple[CallWarned, ...] = ()
    dropped_s: float = 0.0
    assessment: Assessed | None = None
    words: tuple[Heard, ...] = ()

    def after(self, event: CallEvent) -> "LiveCall":
        """The call after a further event of it."""
        if isinstance(event, CallWarned):
            return replace(self, warnings=(*self.warnings, event))
        if isinstance(event, AudioDropped):
            return replace(self, dropped_s=self.dropped_s + event.duration_s)
        if isinstance(event, Heard) and isinstance(event.event, EmotionEstimated | NoSpeech):
            heard_s = max(self.heard_s, event.event.end_s)
            estimated = isinstance(event.event, EmotionEstimated)
            estimate = event if estimated else self.estimate
            return replace(self, heard_s=heard_s, window=event, estimate=estimate)
        if isinstance(event, Heard) and isinstance(event.event, Said):
            return replace(self, words=_last_words(self.words, event, event.event))
        if isinstance(event, Assessed):
            # Without urgency it takes back the one before: scoring was switched off.
            return replace(self, assessment=event if event.urgency else None)
        return self

    def to_json(self) -> str:
        """As other processes read it."""
        return json.dumps(
            {
                "process": self.process,
                "started": to_dict(self.started),
                "heard_s": self.heard_s,
                "window": None if self.window is None else to_dict(self.window),
                "estimate": None if self.estimate is None else to_dict(self.estimate),
                "warnings": [to_dict(warning) for warning in self.warnings],
                "dropped_s": self.dropped_s,
                "assessment": None if self.assessment is None else to_dict(self.assessment),
                "words": [to_dict(heard) for heard in self.words],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "LiveCall | None":
        """As `to_json` gave it; None where another version wrote it."""

        def event(table: Any) -> Any:
            return None if table is None else from_dict(table)

        try:
            table = json.loads(text)
            return cls(
                started=event(table["started"]),
                process=table["process"],
                heard_s=table["heard_s"],
                window=event(table["window"]),
                estimate=event(table["estimate"]),
                warnings=tuple(event(warning) for warning in table["warnings"]),
                dropped_s=table["dropped_s"],
                assessment=event(table["assessment"]),
                words=tuple(event(heard) for heard in table["words"]),
            )
        except (ValueError, KeyError, TypeError, CallError):
            return None


def _last_words(words: tuple[Heard, ...], heard: Heard, new: Said) -> tuple[Heard, ...]:
    """The last minute with `heard`, which replaces what was recognised so far of the same."""
    there = [
        each
        for each in words
        if isinstance(each.event, Said)
        and _place(each.channel, each.event) != _place(heard.channel, new)
        and each.event.end_s > new.end_s - _WORDS_S
    ]
    return (*there[-_MOST_UTTERANCES:], heard)


def _place(channel: int, said: Said) -> tuple[int, float, str]:
    """What two of the same speech have alike; a phrase stands beside the words."""
    return channel, said.start_s, said.phrase if isinstance(said, PhraseSpotted) else ""
