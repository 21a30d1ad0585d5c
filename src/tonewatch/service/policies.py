"""The rules of triage of the running service: in force, changed, restored, switched on and off.

All processes read the same rules from the store, each at most `_FRESH_S` after a change; the one
that changes them follows at once. Every change is in the audit, by name and hash.
"""

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import structlog

from tonewatch.core.errors import (
    ConflictError,
    NotFoundError,
    SettingsError,
    UnavailableError,
    UnfitError,
)
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database
from tonewatch.store.policies import PolicyTexts, PolicyVersion
from tonewatch.triage.policy import Policy, parse, shipped

LEARNT = "learnt-"
"""How the names of rules begin that were learnt from decisions."""

_FRESH_S = 1.0
_LONGEST = 48  # there must be room for what switching appends
_OFF = " (off)"
_UNREADABLE = " (unreadable)"
_SHIPPED_BY = "tonewatch"


class Policies:
    """The rules of triage.

    Args:
        database: for transactions over the two below.
        texts: where they are kept.
        audit: where changes are written down.
        clock: the monotonic time.
    """

    def __init__(
        self,
        database: Database,
        texts: PolicyTexts,
        audit: Audit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._texts = texts
        self._audit = audit
        self._clock = clock
        self._read: tuple[float, Policy] | None = None
        self._told: dict[str, Mapping[str, Any]] = {}

    def current(self) -> Policy:
        """The rules in force; the shipped ones where nobody set any.

        Raises:
            UnavailableError: the database is away, and they were never read.
        """
        read = self._read  # once: other threads change it
        if read is not None and self._clock() - read[0] <= _FRESH_S:
            return read[1]
        return self._newest()

    def versions(self) -> tuple[PolicyVersion, ...]:
        """Whatever was put in force, the newest first; the shipped rules are not among them."""
        return self._texts.all()

    def by_hand(self) -> Policy:
        """The newest rules that were not learnt; the shipped ones where nobody set any."""
        for each in self.versions():
            if not each.version.startswith(LEARNT):
                return self._parsed(each)
        return shipped()

    def get(self, version: str) -> Policy:
        """The rules of that version, the shipped ones included.

        Raises:
            NotFoundError: there never were any.
        """
        try:
            return parse(self._texts.get(version).text)
        except NotFoundError:
            if version != shipped().version:
                raise
            return shipped()

    def set(self, policy: Policy, actor: str, base: str | None = None) -> PolicyVersion:
        """Put rules in force; with `base` only while that version is.

        Raises:
            ConflictError: the version's name is that of other rules, or `base` holds no more.
            UnfitError: the name is longer than 48 characters.
        """
        if len(policy.version) > _LONGEST:
            raise UnfitError(
                f"expected a version of at most {_LONGEST} characters, came "
                f"{len(policy.version)}; shorten it"
            )

        def make(before: Policy) -> Policy:
            if base is not None and before.version != base:
                raise ConflictError(
                    f"expected {base!r} to be in force still, came {before.version!r}; look at "
                    "what changed and make a new proposal"
                )
            return policy

        return self._put(make, actor, "policy.set")

    def restore(self, version: str, actor: str) -> PolicyVersion:
        """Put old rules in force again, switched on or off as those now are; errors as `get`."""

        def make(before: Policy) -> Policy:
            policy = self.get(version)
            # What cannot be read is off without anybody having switched it.
            if policy.enabled != before.enabled and not before.version.endswith(_UNREADABLE):
                policy = self._named(policy, before.enabled)
            return policy

        return self._put(make, actor, "policy.restored")

    def switch(self, on: bool, actor: str) -> PolicyVersion:
        """Switch all scoring on or off, with the same rules under a name of their own."""
        return self._put(
            lambda before: before if before.enabled == on else self._named(before, on),
            actor,
            "policy.switched",
        )

    def told(self, version: str) -> Mapping[str, Any]:
        """What the audit says of rules that were applied.

        Of those that were in force since the start it is known without the database. Of those that
        nobody here can read any more, as an older Tonewatch shipped them, it is the version alone.

        Raises:
            UnavailableError: the database is away.
        """
        if version not in self._told:
            try:
                self._told[version] = _told(self.get(version))
            except (NotFoundError, SettingsError):
                return {"version": version}
        return self._told[version]

    def _parsed(self, latest: PolicyVersion) -> Policy:
        """The rules; where this Tonewatch cannot read them, none: scoring is off until a change."""
        try:
            return parse(latest.text)
        except SettingsError as error:
            name = f"{latest.version[:_LONGEST]}{_UNREADABLE}"
            if self._read is None or self._read[1].version != name:
                log = structlog.get_logger("tonewatch.service")
                log.error("policy_unreadable", version=latest.version, error=str(error))
            return shipped().switched(False, name)

    def _named(self, policy: Policy, on: bool) -> Policy:
        """The rules switched, under a name that no other rules have."""
        name = policy.version.removesuffix(_OFF) + ("" if on else _OFF)
        for n in count(2):
            switched = policy.switched(on, name)
            try:
                if self.get(name) == switched:
                    return switched
            except NotFoundError:
                return switched
            name = f"{policy.version[:_LONGEST]} {n}"
        raise AssertionError("count ends")

    def _newest(self) -> Policy:
        """The rules as the store has them now; while it is away, all stays as it is."""
        read = self._read
        try:
            latest = self._texts.latest()
        except UnavailableError:
            if read is None:
                raise
            policy = read[1]
        else:
            policy = shipped() if latest is None else self._parsed(latest)
            self._told[policy.version] = _told(policy)
        if self._read is read:  # else somebody changed them since, which is newer
            self._read = (self._clock(), policy)
        return policy

    def _put(self, make: Callable[[Policy], Policy], actor: str, action: str) -> PolicyVersion:
        """Put in force what `make` makes of the rules before, which nobody changes meanwhile."""
        with self._database.begin():
            self._audit.hold()  # else two who change at once both see what was before
            before = self._newest()
            policy = make(before)
            # The shipped rules first, so that they can be restored after a newer Tonewatch.
            if self._texts.latest() is None:
                self._keep(before, _SHIPPED_BY)
            made = self._keep(policy, actor)
            details = {"version": policy.version, "sha256": policy.sha256, "on": policy.enabled}
            self._audit.append(actor, action, "policy", details | {"before": before.version})
        self._read = (self._clock(), policy)
        return made

    def _keep(self, policy: Policy, actor: str) -> PolicyVersion:
        return self._texts.add(policy.version, policy.sha256, policy.to_toml(), actor)


def _told(policy: Policy) -> Mapping[str, Any]:
    return {
        "version": policy.version,
        "sha256": policy.sha256,
        "medium_from": policy.medium_from,
        "high_from": policy.high_from,
        "flag_from": policy.check_from,
    }
