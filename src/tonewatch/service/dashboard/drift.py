"""How triage does week by week: what was heard and shown, how often unsure, how often overridden.

A change says that calls, people or the model changed, and not which of them.
"""

from itertools import dropwhile

from starlette.concurrency import run_in_threadpool

from tonewatch.service import drift as service
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.figures import histogram, rates
from tonewatch.service.dashboard.parts import Loaded, empty, panel, table, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.service.drift import Week
from tonewatch.triage.feedback import wilson

_WEEKS = 12


def drift(visit: Visit) -> None:
    """The part."""
    texts, state = visit.texts, visit.state

    async def get() -> tuple[Week, ...]:
        await visit.ask(Permission.POLICY_READ)
        return await run_in_threadpool(
            service.weeks, state.drift, state.decided, state.clock(), _WEEKS
        )

    def show(last: tuple[Week, ...]) -> None:
        found = tuple(dropwhile(_is_empty, last))
        if not found:
            empty(texts("drift.none"), texts("drift.none_note"), "show_chart")
            return
        with panel(texts("drift.rates"), note=texts("drift.note")):
            names = {
                texts("drift.unsure"): [week.unsure for week in found],
                texts("drift.overridden"): [week.override_rate for week in found],
            }
            rates(names, [f"{week.start:%m-%d}" for week in found], texts("drift.rates"))
        with panel(texts("drift.weeks"), note=texts("drift.weeks_note")):
            _table(visit, found)

    Loaded(visit, get, show)


def _is_empty(week: Week) -> bool:
    return not week.counts.calls and not week.decisions


def _table(visit: Visit, found: tuple[Week, ...]) -> None:
    texts = visit.texts
    heads = ("week", "calls", "windows", "unsure", "urgency", "check", "flagged", "overridden")
    _, row = table(texts("drift.weeks"), [texts(f"drift.{head}") for head in heads], "drift")
    for week in reversed(found):
        counts = week.counts
        with row():
            tag("th", f"{week.start}", scope="row", classes="number")
            tag("td", str(counts.calls), "number")
            with tag("td"):
                histogram(counts.windows, texts("drift.of_windows", n=week.windows))
            tag("td", _percent(week.unsure), "number")
            for scores in (counts.urgency, counts.check):
                with tag("td"):
                    histogram(scores, texts("drift.of_calls", n=sum(scores)))
            tag("td", str(counts.flagged) if sum(counts.check) else "–", "number")
            with tag("td", classes="number"):
                _overridden(visit, week)


def _overridden(visit: Visit, week: Week) -> None:
    if not week.decisions:
        tag("span", "–")
        return
    found = wilson(week.overridden, week.decisions)
    of = visit.texts("drift.of", k=week.overridden, n=week.decisions)
    tag("span", f"{_percent(found.value)} ")
    tag("span", f"{of}, {_percent(found.low)}–{_percent(found.high)}", "note")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
