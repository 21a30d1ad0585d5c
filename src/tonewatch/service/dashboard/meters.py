"""The meters of a call, urgency and "check this call", live and afterwards."""

from dataclasses import dataclass

from tonewatch.call.events import Assessed
from tonewatch.core.errors import NotFoundError, SettingsError
from tonewatch.service.dashboard import scores
from tonewatch.service.dashboard.components import Scores
from tonewatch.service.dashboard.parts import panel, tag
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.assessments import AssessmentKind
from tonewatch.triage.policy import Policy


@dataclass(frozen=True)
class Judged:
    """An assessment, and the rules it was made by as far as they are known."""

    assessed: Assessed
    policy: Policy | None

    @property
    def ticks(self) -> list[float]:
        """Where the bands of urgency begin."""
        return [] if self.policy is None else [self.policy.medium_from, self.policy.high_from]


def judged_of(visit: Visit, call_id: str) -> Judged | None:
    """What is shown of a call now; for a thread."""
    assessed = visit.state.latest.of([call_id]).get(call_id)
    return None if assessed is None else Judged(assessed, _policy(visit, assessed.policy))


def _policy(visit: Visit, version: str) -> Policy | None:
    policies = visit.state.policies
    current = policies.current()
    if current.version == version:
        return current
    try:
        return policies.get(version)
    except (NotFoundError, SettingsError):  # an older Tonewatch's, which nobody ever changed
        return None


def line_of(visit: Visit, call_id: str) -> list[list[float]]:
    """How urgent a call was over its time, as far as it is kept; for a thread."""
    kept = visit.state.assessments.of(call_id)
    return [[each.at_s, each.value] for each in kept if each.kind is AssessmentKind.URGENCY]


class Meters:
    """The two meters; a line in their place where nothing is assessed.

    Args:
        visit: the page's.
        judged: at first.
    """

    def __init__(self, visit: Visit, judged: Judged | None) -> None:
        self._visit = visit
        self._judged: Judged | None = None
        self._parts: Scores | None = None
        self._place = tag("div", classes="whole")
        with self._place:
            self._nothing()
        self.follow(judged)

    def follow(self, judged: Judged | None) -> bool:
        """Show this one now; gives whether it is another one."""
        if judged == self._judged:
            return False
        self._judged = judged
        if judged is not None and self._parts is not None:
            self._parts.update_cards(self._cards(judged))
            return True
        self._place.clear()
        self._parts = None
        with self._place:
            if judged is None:
                self._nothing()
            else:
                self._parts = Scores(self._cards(judged))
        return True

    def _nothing(self) -> None:
        with panel(self._visit.texts("triage.title")):
            tag("p", self._visit.texts("triage.none"), "note")

    def _cards(self, judged: Judged) -> list[dict[str, object]]:
        texts, assessed, policy = self._visit.texts, judged.assessed, judged.policy
        return [
            scores.urgency_card(assessed.urgency, assessed.at_s, policy, texts),
            scores.check_card(assessed.check, assessed.at_s, policy, texts),
        ]
