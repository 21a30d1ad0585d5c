"""The rules of triage: those in force, all before them, and what decisions would make of them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from tonewatch.service import learning
from tonewatch.service.auth.guard import Here, Who
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.rest.answers import TEXT, Answer, Asked
from tonewatch.service.rest.describe import needs
from tonewatch.triage.feedback import Target
from tonewatch.triage.policy import Policy, parse

router = APIRouter(prefix="/policy", tags=["triage"])

_MOST_VERSIONS = 200


class PolicyAnswer(Answer):
    """Rules of triage."""

    version: str = Field(examples=["tonewatch-1"])
    on: bool = Field(description="Whether calls are scored by them.")
    sha256: str = Field(description="Names them in the audit.")
    toml: str = Field(description="Their file, as reference/triage.md describes it.")


class NewPolicy(Asked):
    """Rules to be put in force."""

    toml: str = Field(
        min_length=1,
        max_length=20_000,
        pattern=TEXT,
        description="The file; a change takes a new `version`.",
        examples=['format = 2\nversion = "night-2"\n…'],
    )
    base: str | None = Field(
        default=None,
        max_length=64,
        pattern=TEXT,
        description="Refused as a conflict unless this version is in force.",
        examples=["tonewatch-1"],
    )


class VersionAnswer(Answer):
    """Rules that were put in force."""

    version: str = Field(examples=["night-2"])
    sha256: str
    actor: str = Field(description="By whom.", examples=["ada"])
    set_at: datetime


class Versions(Answer):
    """Whatever was put in force, the newest first."""

    items: list[VersionAnswer]


class Restore(Asked):
    """Rules to be put in force again."""

    version: str = Field(min_length=1, max_length=64, pattern=TEXT, examples=["tonewatch-1"])


class PolicySwitch(Asked):
    """Whether calls are to be scored."""

    on: bool = Field(examples=[False])


class Learn(Asked):
    """What to learn."""

    target: Target = Field(description="Which score the decisions are about.", examples=["check"])


class ShareAnswer(Answer):
    """A share with its 95 % interval; null where there is nothing to divide by."""

    value: float | None = Field(examples=[0.4])
    low: float | None = Field(examples=[0.2])
    high: float | None = Field(examples=[0.6])
    n: int = Field(examples=[20])


class QualityAnswer(Answer):
    """How rules do on the later decisions."""

    log_loss: float = Field(examples=[0.52])
    precision: ShareAnswer
    recall: ShareAnswer


class Proposal(Answer):
    """Rules that fit people's decisions better; PUT puts them in force."""

    base: str = Field(
        description="The version that was in force; PUT it too, lest a change since is undone.",
        examples=["tonewatch-1"],
    )
    policy: PolicyAnswer
    shifts: dict[str, float] = Field(
        description="New minus old weight of each cue, and `intercept` of urgency."
    )
    before: QualityAnswer = Field(description="The rules in force, on the later decisions.")
    after: QualityAnswer = Field(description="Learnt from the earlier, on the later ones.")
    n_train: int = Field(description="Earlier decisions.", examples=[140])
    n_test: int = Field(description="Later decisions.", examples=[60])


@router.get("", summary="The rules of triage", **needs(Permission.POLICY_READ))
def get_policy(state: Here) -> PolicyAnswer:
    return _answer(state.policies.current())


@router.put(
    "",
    summary="Put rules of triage in force",
    description="All processes follow within two seconds; the old ones can be restored.",
    **needs(Permission.POLICY_CHANGE, 400, 409, 413),
)
def put_policy(asked: NewPolicy, who: Who, state: Here) -> PolicyAnswer:
    policy = parse(asked.toml)
    state.policies.set(policy, who.actor, asked.base)
    return _answer(policy)


@router.get("/versions", summary="All rules that were in force", **needs(Permission.POLICY_READ))
def list_versions(
    state: Here,
    limit: Annotated[int, Query(ge=1, le=_MOST_VERSIONS, description="At most so many.")] = 50,
) -> Versions:
    found = state.policies.versions()[:limit]
    return Versions(items=[VersionAnswer.model_validate(each) for each in found])


@router.post(
    "/restore",
    summary="Put old rules in force again",
    **needs(Permission.POLICY_CHANGE, 400, 404, 409, 413),
)
def restore(asked: Restore, who: Who, state: Here) -> PolicyAnswer:
    state.policies.restore(asked.version, who.actor)
    return _answer(state.policies.current())


@router.put(
    "/switch",
    summary="Switch all scoring on or off",
    description="Off, nothing is scored and nothing that was scored is shown; emotions are "
    "heard on. All processes follow within two seconds.",
    **needs(Permission.POLICY_CHANGE, 400, 409, 413),
)
def switch(asked: PolicySwitch, who: Who, state: Here) -> PolicyAnswer:
    state.policies.switch(asked.on, who.actor)
    return _answer(state.policies.current())


@router.post(
    "/learn",
    summary="What people's decisions would make of the rules",
    description="Changes nothing: PUT the proposed file and `base` to accept it. Needs 30 "
    "decisions of kind `outcome` (for check) or `urgency`.",
    **needs(Permission.POLICY_CHANGE, 400, 413),
)
def learn(asked: Learn, state: Here) -> Proposal:
    found = learning.propose(state.decided, state.policies, asked.target, state.clock())
    return Proposal(
        base=found.base,
        policy=_answer(found.policy),
        shifts=dict(found.shifts),
        before=QualityAnswer.model_validate(found.before),
        after=QualityAnswer.model_validate(found.after),
        n_train=found.n_train,
        n_test=found.n_test,
    )


def _answer(policy: Policy) -> PolicyAnswer:
    return PolicyAnswer(
        version=policy.version, on=policy.enabled, sha256=policy.sha256, toml=policy.to_toml()
    )
