"""What was said, for the part that shows it: each utterance with the phrases of the lists in it.

Phrases that were spotted stand beside the utterances, each at its time.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from tonewatch.call.events import Heard
from tonewatch.core.events import Event, NotTranscribed, PhraseSpotted, WordsRecognised
from tonewatch.store.transcripts import Spotted, Utterance
from tonewatch.triage import phrases
from tonewatch.triage.words import tokens

TAIL = 60
"""So many characters of what was said last stand in a row of the queue."""


def of_kept(kept: Iterable[Utterance], spotted: Iterable[Spotted] = ()) -> list[dict[str, Any]]:
    """Utterances, and phrases that were spotted, as they were kept of a call."""
    return [
        _utterance(each.channel, each.start_s, each.end_s, each.text if each.recognised else None)
        for each in kept
    ] + [_phrase(each.channel, each) for each in spotted]


def of_live(heard: Iterable[Heard]) -> list[dict[str, Any]]:
    """Utterances of a live call, as `LiveCall.words` has them."""
    return [_of_event(each.channel, each.event) for each in heard]


def _of_event(channel: int, event: Event) -> dict[str, Any]:
    if isinstance(event, WordsRecognised):
        return _utterance(channel, event.start_s, event.end_s, _text(event), event.final)
    if isinstance(event, PhraseSpotted):
        return _phrase(channel, event)
    assert isinstance(event, NotTranscribed)
    return _utterance(channel, event.start_s, event.end_s, None)


def _utterance(
    channel: int, start_s: float, end_s: float, text: str | None, final: bool = True
) -> dict[str, Any]:
    """Without a text it was not transcribed."""
    return {
        "channel": channel,
        "start_s": start_s,
        "end_s": end_s,
        "parts": None if text is None else marked(text, _lists()),
        "final": final,
        "spotted": False,
    }


def _phrase(channel: int, spotted: PhraseSpotted | Spotted) -> dict[str, Any]:
    plain = _utterance(channel, spotted.start_s, spotted.end_s, spotted.phrase)
    return plain | {"spotted": True}


def marked(text: str, lists: phrases.Phrases) -> list[dict[str, Any]]:
    """A text in parts, in order; those that are a phrase of a list have its `kind` and `about`.

    Where phrases of two kinds overlap, the first is marked.
    """
    parts: list[dict[str, Any]] = []
    at = 0
    for hit in lists.find(text, tokens(text)):
        if hit.start < at:
            continue
        if hit.start > at:
            parts.append({"text": text[at : hit.start], "kind": ""})
        parts.append(
            {
                "text": hit.text,
                "kind": str(hit.phrase.kind),
                "about": hit.phrase.about,
                "negated": hit.negated,
            }
        )
        at = hit.end
    if at < len(text):
        parts.append({"text": text[at:], "kind": ""})
    return parts


def tail(heard: Iterable[Heard]) -> str:
    """The last words that were said."""
    texts = [_text(each.event) for each in heard if isinstance(each.event, WordsRecognised)]
    text = " ".join(each for each in texts if each)
    return text if len(text) <= TAIL else text[-TAIL:].partition(" ")[2]


def _text(event: WordsRecognised) -> str:
    return " ".join(word.text for word in event.words)


@cache
def _lists() -> phrases.Phrases:
    return phrases.shipped()
