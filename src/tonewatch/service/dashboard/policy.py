"""The rules of triage: weights, thresholds and base rate, with what they imply; their versions.

Who may change them is one permission; everybody who sees calls may see the rules.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from math import log
from typing import Any

from tonewatch.core.errors import SettingsError
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.parts import (
    Field,
    Loaded,
    button,
    confirm,
    fact,
    moment,
    panel,
    tag,
)
from tonewatch.service.dashboard.proposal import proposals
from tonewatch.service.dashboard.scores import share
from tonewatch.service.dashboard.visit import Visit
from tonewatch.store.policies import PolicyVersion
from tonewatch.triage.assessment import probability
from tonewatch.triage.cues import CHECK, EMOTIONAL, URGENCY
from tonewatch.triage.policy import MOST, Policy, implied_precision, parse

# What a good detector finds, and how often it is wrong of genuine calls: docs/why/honesty.md.
_FOUND = 0.84
_ALARMS = 0.16
_SHOWN = 20
_NUMBERS = ("urgency_intercept", "medium_from", "high_from", "check_from")


@dataclass(frozen=True)
class _Found:
    policy: Policy
    versions: tuple[PolicyVersion, ...]


def policy(visit: Visit) -> None:
    """The part."""

    def look() -> _Found:
        return _Found(visit.state.policies.current(), visit.state.policies.versions())

    async def get() -> _Found:
        return await visit.run(Permission.POLICY_READ, look)

    async def changed() -> None:
        await loaded.refresh()

    def show(found: _Found) -> None:
        with tag("div", classes="columns"):
            with tag("div", classes="column-main"):
                _rules(visit, found.policy, changed)
            with tag("aside", classes="column-side", aria_label=visit.texts("policy.about")):
                _in_force(visit, found, changed)
                _versions(visit, found, changed)
        proposals(visit, changed)

    loaded = Loaded(visit, get, show)


def _in_force(visit: Visit, found: _Found, changed: Callable[[], Awaitable[None]]) -> None:
    texts, on = visit.texts, found.policy.enabled

    @visit.safely
    async def switch() -> None:
        policies = visit.state.policies
        await visit.run(Permission.POLICY_CHANGE, policies.switch, not on, visit.actor)
        await changed()

    async def ask() -> None:
        if on:
            title, note = texts("policy.off_title"), texts("policy.off_note")
            confirm(visit, title, note, texts("policy.switch_off"), switch)
        else:
            title, note = texts("policy.on_title"), texts("policy.on_note")
            confirm(visit, title, note, texts("policy.switch_on"), switch)

    with panel(texts("policy.in_force")):
        with tag("dl", classes="facts"):
            fact(texts("policy.version"), found.policy.version)
            fact(texts("policy.scoring"), texts("policy.on" if on else "policy.off"))
            last = found.versions[0] if found.versions else None
            fact(texts("policy.by"), texts("policy.shipped") if last is None else last.actor)
            if last is not None:
                tag("dt", texts("policy.since"))
                with tag("dd"):
                    moment(last.set_at)
            fact(texts("recording.hash"), found.policy.sha256[:16], "hash")
        if visit.may(Permission.POLICY_CHANGE):
            button(texts("policy.switch_off" if on else "policy.switch_on"), ask)


def _rules(visit: Visit, now: Policy, changed: Callable[[], Awaitable[None]]) -> None:
    form = _Form(visit, now)

    @visit.safely
    async def save() -> None:
        try:
            new = form.read(name.value.strip())
        except (ValueError, SettingsError) as error:
            visit.say(visit.texts("policy.wrong", why=str(error)), True)
            return
        if replace(new, version=now.version) == now:
            visit.say(visit.texts("policy.same"), True)
            return
        put = visit.state.policies.set
        await visit.run(Permission.POLICY_CHANGE, put, new, visit.actor, now.version)
        visit.say(visit.texts("policy.saved", version=new.version), False)
        await changed()

    if form.is_open:
        with panel(visit.texts("policy.put"), note=visit.texts("policy.put_note")):
            name = Field(visit.texts("policy.new_version"), maxlength=48, placeholder=now.version)
            button(visit.texts("policy.save"), save, "primary")


class _Form:
    """The rules as fields, with what they imply; fields are read-only for most people."""

    def __init__(self, visit: Visit, now: Policy) -> None:
        self._visit = visit
        self._now = now
        self._fields: dict[str, Field] = {}
        self._known: dict[str, tuple[str, float, int]] = {}
        self.is_open = visit.may(Permission.POLICY_CHANGE)
        texts = visit.texts
        with panel(texts("policy.check_title"), note=texts("policy.check_note")):
            with tag("div", classes="rates"):
                self._percent("base_rate", now.base_rate, step=0.01)
                self._percent("check_from", now.check_from)
            with tag("div", classes="rates"):
                self._percent("found", _FOUND, always=True)
                self._percent("alarms", _ALARMS, always=True)
            self._implied = tag("div", classes="implied", role="status")
            self._weights("check", now.check, CHECK)
        with panel(texts("policy.urgency_title"), note=texts("policy.urgency_note")):
            with tag("div", classes="rates"):
                self._weight("urgency_intercept", now.urgency_intercept)
                self._percent("medium_from", now.medium_from)
                self._percent("high_from", now.high_from)
            self._weights("urgency", now.urgency, URGENCY)
        self._draw()

    def read(self, version: str) -> Policy:
        """The rules as they stand in the fields.

        Raises:
            SettingsError: they are none.
            ValueError: one is no number, or the version has no name.
        """
        if not version:
            raise ValueError(self._visit.texts("policy.name_missing"))
        value = self._value
        return Policy(
            version=version,
            enabled=self._now.enabled,
            base_rate=value("base_rate"),
            urgency_intercept=value("urgency_intercept"),
            urgency={name: value(f"urgency.{name}") for name in self._now.urgency},
            medium_from=value("medium_from"),
            high_from=value("high_from"),
            check={name: value(f"check.{name}") for name in self._now.check},
            check_from=value("check_from"),
        )

    def _value(self, key: str) -> float:
        text = self._fields[key].value.strip()
        known, value, parts = self._known[key]
        if text == known:  # what was learnt has more digits than its field
            return value
        try:
            # Rounded, as 0.77 % is 0.0077 and not a hair beside it.
            return round(float(text.replace(",", ".")) / parts, 9)
        except ValueError as error:
            name = self._visit.texts(self._label(key))
            raise ValueError(self._visit.texts("policy.no_number", name=name)) from error

    def _label(self, key: str) -> str:
        table, _, cue = key.partition(".")
        return f"cue.{cue}" if cue else f"policy.{table}"

    def _percent(self, key: str, value: float, step: float = 1, always: bool = False) -> None:
        """A share; those that the preview alone needs, anybody may try `always`."""
        self._number(key, value, 100, always, step=step, min=0, max=100)

    def _weight(self, key: str, value: float, low: float = -MOST) -> None:
        self._number(key, value, 1, False, step=0.1, min=low, max=MOST)

    def _number(self, key: str, value: float, parts: int, always: bool, **limits: Any) -> None:
        text = f"{parts * value:.4g}"
        self._known[key] = (text, value, parts)
        self._fields[key] = Field(
            self._visit.texts(self._label(key)),
            text,
            kind="number",
            on_change=self._changed,
            readonly=not (self.is_open or always),
            **limits,
        )

    def _weights(
        self, kind: str, weights: Mapping[str, float], meanings: Mapping[str, str]
    ) -> None:
        texts = self._visit.texts
        with tag("fieldset", classes="weights"):
            tag("legend", texts("policy.weights"))
            for name in meanings:
                low = 0.0 if kind == "urgency" and name in EMOTIONAL else -MOST
                self._weight(f"{kind}.{name}", weights[name], low)

    async def _changed(self, _: str) -> None:
        self._draw()

    def _draw(self) -> None:
        """What the numbers in the fields imply."""
        texts = self._visit.texts
        self._implied.clear()
        with self._implied:
            try:
                new = self.read(self._now.version)
                found, alarms = self._value("found"), self._value("alarms")
            except (ValueError, SettingsError) as error:
                tag("p", texts("policy.wrong", why=str(error)), "form-error")
                return
            prior = log(new.base_rate / (1 - new.base_rate))
            threshold = log(new.check_from / (1 - new.check_from))
            at_threshold = share(probability(threshold + prior))
            right = share(implied_precision(new.base_rate, found, 1 - alarms))
            tag("p", texts("policy.implied", base=share(new.base_rate), right=at_threshold))
            tag("p", texts("policy.implied_detector", right=right), "strong")


def _versions(visit: Visit, found: _Found, changed: Callable[[], Awaitable[None]]) -> None:
    texts = visit.texts
    with panel(texts("policy.versions"), note=texts("policy.versions_note")):
        if not found.versions:
            tag("p", texts("policy.never_changed"), "note")
            return
        with tag("ol", classes="entries versions"):
            older = [*found.versions[1:], None]
            for each, before in zip(found.versions[:_SHOWN], older, strict=False):
                with tag("li"):
                    _version(visit, each, before, found.policy, changed)


def _version(
    visit: Visit,
    each: PolicyVersion,
    before: PolicyVersion | None,
    now: Policy,
    changed: Callable[[], Awaitable[None]],
) -> None:
    texts = visit.texts

    @visit.safely
    async def restore() -> None:
        policies = visit.state.policies
        await visit.run(Permission.POLICY_CHANGE, policies.restore, each.version, visit.actor)
        visit.say(texts("policy.saved", version=each.version), False)
        await changed()

    async def ask() -> None:
        title = texts("policy.restore_title", version=each.version)
        confirm(visit, title, texts("policy.restore_note"), texts("policy.restore"), restore)

    with tag("div", classes="version-head"):
        tag("strong", each.version, "breakable")
        if each.version == now.version:
            tag("span", texts("policy.in_force"), "tag")
        elif visit.may(Permission.POLICY_CHANGE):
            name = texts("policy.restore_it", version=each.version)
            button(texts("policy.restore"), ask, name=name)
    with tag("p", classes="note"):
        tag("span", f"{each.actor}, ")
        moment(each.set_at)
    if before is not None:
        for change in differences(visit, parse(before.text), parse(each.text)):
            tag("p", change, "note number")


def differences(visit: Visit, old: Policy, new: Policy) -> list[str]:
    """What changed between two versions, a line each."""
    texts = visit.texts
    lines = []
    if old.enabled != new.enabled:
        lines.append(texts("policy.is_on" if new.enabled else "policy.is_off"))
    for key in ("base_rate", *_NUMBERS):
        a, b = getattr(old, key), getattr(new, key)
        if a != b:
            parts = 1 if key == "urgency_intercept" else 100
            values = {"old": f"{parts * a:.4g}", "new": f"{parts * b:.4g}"}
            lines.append(texts("policy.change", name=texts(f"policy.{key}"), **values))
    for mine, others in ((old.urgency, new.urgency), (old.check, new.check)):
        for cue, a in mine.items():
            if a != others[cue]:
                values = {"old": f"{a:.2f}", "new": f"{others[cue]:.2f}"}
                lines.append(texts("policy.change", name=texts(f"cue.{cue}"), **values))
    return lines
