"""What people's decisions would change in the rules: a proposal, which a person accepts or not."""

from collections.abc import Awaitable, Callable, Mapping

from tonewatch.service import learning
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import (
    Loaded,
    button,
    confirm,
    panel,
    problem,
    skeleton,
    table,
    tag,
)
from tonewatch.service.dashboard.visit import Visit
from tonewatch.triage.feedback import INTERCEPT, Learning, Quality, Refit, Share, Target

_LEAST_SHIFT = 0.005  # what differs in less reads the same

Changed = Callable[[], Awaitable[None]]


def proposals(visit: Visit, changed: Changed) -> None:
    """The part; `changed` is awaited when a proposal was put in force."""
    texts, least = visit.texts, Learning().at_least

    def count() -> Mapping[Target, int]:
        return {target: len(learning.decided(visit.state.decided, target)) for target in Target}

    async def get() -> Mapping[Target, int]:
        return await visit.run(Permission.POLICY_READ, count)

    def show(counts: Mapping[Target, int]) -> None:
        for target, n in counts.items():
            tag("p", texts(f"proposal.decided_{target}", n=n))
            if n < least:
                tag("p", texts("proposal.too_few", least=least), "note")
            elif visit.may(Permission.POLICY_CHANGE):
                _ask(visit, target, changed)

    with panel(texts("proposal.title"), note=texts("proposal.note")):
        Loaded(visit, get, show)


def _ask(visit: Visit, target: Target, changed: Changed) -> None:
    texts, state = visit.texts, visit.state

    def work() -> Refit:
        return learning.propose(state.decided, state.policies, target, state.clock())

    async def propose() -> None:
        place.clear()
        with place:
            skeleton(texts("proposal.learning"), 3)
        error: Exception | None = None
        try:
            found = await visit.run(Permission.POLICY_CHANGE, work)
        except Exception as failure:
            error = failure
        place.clear()
        with place:
            if error is not None:
                problem(visit, error, propose)
            else:
                _show(visit, found, changed)

    button(texts("proposal.ask"), propose, name=texts(f"proposal.ask_{target}"))
    place = tag("div", classes="whole")


def _show(visit: Visit, found: Refit, changed: Changed) -> None:
    texts = visit.texts

    @visit.safely
    async def accept() -> None:
        put, policy = visit.state.policies.set, found.policy
        await visit.run(Permission.POLICY_CHANGE, put, policy, visit.actor, found.base)
        visit.say(texts("policy.saved", version=found.policy.version), False)
        await changed()

    async def ask() -> None:
        title = texts("proposal.accept_title", version=found.policy.version)
        confirm(visit, title, texts("proposal.accept_note"), texts("proposal.accept"), accept)

    tag("p", texts("proposal.tested", train=found.n_train, test=found.n_test), "note")
    heads = ("rules", "precision", "recall", "log_loss")
    _, row = table(texts("proposal.title"), [texts(f"proposal.{head}") for head in heads])
    for name, quality in (("before", found.before), ("after", found.after)):
        with row():
            _quality(visit, name, quality)
    with tag("ul", classes="shifts"):
        for cue, shift in sorted(found.shifts.items(), key=lambda pair: -abs(pair[1])):
            if abs(shift) >= _LEAST_SHIFT:
                with tag("li"):
                    key = "proposal.intercept" if cue == INTERCEPT else f"cue.{cue}"
                    tag("span", texts(key))
                    tag("span", f"{shift:+.2f}".replace("-", "−"), "number")
    with tag("div", classes="actions"):
        button(texts("proposal.accept"), ask, "primary")


def _quality(visit: Visit, name: str, quality: Quality) -> None:
    tag("th", visit.texts(f"proposal.{name}"), scope="row")
    for share in (quality.precision, quality.recall):
        with tag("td", classes="number"):
            _share(share)
    tag("td", f"{quality.log_loss:.3f}", "number")


def _share(share: Share) -> None:
    if share.value is None or share.low is None or share.high is None:
        tag("span", "–")
        return
    tag("span", f"{share.value:.0%} ")
    tag("span", f"{share.low:.0%}–{share.high:.0%}, n={share.n}", "note")
