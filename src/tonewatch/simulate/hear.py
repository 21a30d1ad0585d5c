"""Simulated calls heard here, without a service and faster than they are spoken.

The voice goes through the analyser as a live call's does, the words are those of the script as if
a recogniser had made no error (playing into a service has them recognised for real). The
call-taker's channel is not heard.
"""

from collections.abc import Iterator

from tonewatch.call.roles import Role, scored
from tonewatch.core.events import Event, Word, WordsRecognised
from tonewatch.core.signal import RATE_HZ
from tonewatch.inference.analyser import Analyser
from tonewatch.inference.predictor import Predictor
from tonewatch.simulate.plan import Kind
from tonewatch.simulate.render import Labels, Simulated
from tonewatch.simulate.scores import Judged
from tonewatch.triage.case import Case, Origin
from tonewatch.triage.gravity import Judge
from tonewatch.triage.policy import Policy


def hear(
    call: Simulated,
    predictor: Predictor,
    judge: Judge,
    policy: Policy,
    *,
    words: bool = True,
    calls_before: int = 0,
) -> Judged | None:
    """Assess a whole call; None where the policy is switched off.

    Args:
        call: what is heard.
        predictor: hears the voice; calls may share it.
        judge: judges the words; calls may share it.
        policy: by which rules.
        words: whether the words count too, or the voice alone.
        calls_before: how often its number called before.
    """
    case = Case(judge, Origin.of(call.labels.metadata).called_before(calls_before))
    for channel, role in enumerate(call.labels.roles):
        if scored(Role(role)):
            analyser = Analyser(predictor)
            for event in [*analyser.push(call.samples[:, channel]), *analyser.finish()]:
                case.take(event, channel)
    if words:
        for event in _said(call.labels):
            case.take(event)
    found = case.assess(len(call.samples) / RATE_HZ, policy)
    return None if found is None else Judged(call.labels, found.urgency.value, found.flagged)


def _said(labels: Labels) -> Iterator[Event]:
    """The script's words where it is spoken, else over the whole of what the caller says."""
    speech = [span for span in labels.spans if span.what is Kind.SPEECH]
    if not speech:
        return
    if labels.text_heard:
        for span in speech:
            if span.text:
                yield _words(span.text, span.start_s, span.end_s)
    else:
        yield _words(labels.text, speech[0].start_s, speech[-1].end_s)


def _words(text: str, start_s: float, end_s: float) -> WordsRecognised:
    said = text.split()
    each_s = (end_s - start_s) / len(said)
    words = tuple(
        Word(word, start_s + k * each_s, start_s + (k + 1) * each_s, 1.0)
        for k, word in enumerate(said)
    )
    return WordsRecognised(start_s, end_s, words, final=True)
