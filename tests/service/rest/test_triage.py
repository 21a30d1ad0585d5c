"""Policy, queue, gravity, drift, decisions with what was shown: over REST."""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.running import Service
from tonewatch.call.events import Assessed, CallEnded, CallStarted, EndReason
from tonewatch.call.roles import Role
from tonewatch.core.errors import NotFoundError, SettingsError
from tonewatch.service.dashboard.call import _find
from tonewatch.service.live.keeper import _assessments
from tonewatch.store.users import UserRole
from tonewatch.store.windows import Window
from tonewatch.triage.assessment import assess
from tonewatch.triage.cues import CHECK, Cue
from tonewatch.triage.policy import parse, shipped

CALLS = "/api/v1/calls"
POLICY = "/api/v1/policy"
HEARD = {"calm": 0.25, "fearful": 0.75}


@pytest.fixture(scope="module")
def client(service: Service) -> httpx.Client:
    return service.keyed(UserRole.ADMINISTRATOR)


@pytest.fixture(autouse=True)
def shipped_rules(service: Service) -> Iterator[None]:
    yield
    service.state.policies.set(shipped(), "test")


def assessed(call_id: str, at_s: float, *cues: Cue) -> Assessed:
    found = assess(cues, shipped())
    assert found is not None
    told = found.to_dict()
    return Assessed(call_id, at_s, told["urgency"], told["check"], told["policy"])


def a_call(service: Service, began: datetime, *cues: Cue, policy: str = shipped().version) -> str:
    """An ended call of one window, with what was shown of it."""
    calls, call_id = service.state.calls, uuid4().hex
    calls.start(
        call_id,
        started_at=began,
        channels=["caller"],
        metadata={},
        bundle="voice",
        bundle_sha256="ab" * 32,
        threshold=0.6,
    )
    calls.add_windows(call_id, [Window(0, 0.0, 3.0, "fearful", 0.75, False, HEARD, 2.5)])
    calls.end(call_id, ended_at=began, reason="hung_up", duration_s=4.0)
    for at_s in (1.0, 2.0):
        told = assessed(call_id, at_s, *(cues if at_s == 2.0 else ()))
        service.state.assessments.add(call_id, _assessments(replace(told, policy=policy)))
    return call_id


@pytest.fixture
def call(service: Service) -> str:
    """A call with fire in its words, that was also flagged."""
    cues = [
        Cue("gravity_words", 1.0, 0.0, 2.0, ("a fire",)),
        Cue("laughter", 1.0),
        Cue("no_sim", 1),
    ]
    return a_call(service, service.clock(), *cues)


def decide(client: httpx.Client, call: str, **body: str) -> httpx.Response:
    return client.post(f"{CALLS}/{call}/decisions", json=body)


def test_calls_carry_what_was_shown_last(client: httpx.Client, call: str) -> None:
    answer = client.get(f"{CALLS}/{call}").json()
    assert answer["urgency"]["band"] == "high"
    assert answer["urgency"]["reason"] == "gravity words (a fire)"
    assert (answer["urgency"]["at_s"], answer["check"]["flagged"]) == (2.0, True)
    assert answer["check"]["precision"] < 0.1
    listed = client.get(CALLS).json()["items"]
    assert next(each for each in listed if each["id"] == call) == answer
    items = client.get(f"{CALLS}/{call}/assessments").json()["items"]
    assert [item["at_s"] for item in items] == [1.0, 2.0]
    query = {"subject": f"call:{call}", "action": "result.shown"}
    whole, short = client.get("/api/v1/audit", params=query).json()["items"]
    assert [each[0] for each in whole["details"]["assessments"]] == [1.0, 2.0]
    assert short["details"]["assessments"][0][2] == "high"
    assert short["details"]["rules"][0]["sha256"] == shipped().sha256
    listed_entry = client.get("/api/v1/audit", params={"action": "result.listed"}).json()["items"]
    assert call in listed_entry[0]["details"]["calls"]


@pytest.mark.parametrize("error", [NotFoundError, SettingsError])
def test_calls_scored_by_an_older_tonewatch_are_shown(
    service: Service, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    call = a_call(service, service.clock(), policy="tonewatch-0")

    def get(version: str) -> None:
        raise error(version)

    monkeypatch.setattr(service.state.policies, "get", get)
    for path in (CALLS, *(f"{CALLS}/{call}{part}" for part in ("", "/timeline", "/assessments"))):
        assert client.get(path).status_code == 200, path
    query = {"subject": f"call:{call}", "action": "result.shown"}
    entry = client.get("/api/v1/audit", params=query).json()["items"][0]
    assert entry["details"]["rules"] == [{"version": "tonewatch-0"}]
    visit: Any = SimpleNamespace(state=service.state, actor="ada")
    judged = _find(visit, call).judged
    assert judged is not None
    assert (judged.assessed.policy, judged.ticks) == ("tonewatch-0", [])


def test_decisions_keep_what_was_shown(client: httpx.Client, call: str) -> None:
    agreed = decide(client, call, kind="urgency", value="high")
    assert agreed.status_code == 201
    shown = agreed.json()["shown"]
    assert (shown["band"], shown["flagged"], shown["policy"]) == ("high", True, shipped().version)
    assert shown["strengths"] == {"gravity_words": 1.0, "laughter": 1.0, "no_sim": 1.0}
    assert decide(client, call, kind="outcome", value="prank").status_code == 201
    assert decide(client, call, kind="outcome", value="test").status_code == 201


@pytest.mark.parametrize(("kind", "value"), [("urgency", "low"), ("outcome", "genuine")])
def test_who_decides_otherwise_says_why(
    client: httpx.Client, call: str, kind: str, value: str
) -> None:
    for reason in ("", "   "):
        refused = decide(client, call, kind=kind, value=value, reason=reason)
        assert refused.status_code == 422
        assert "a reason" in refused.json()["detail"]
    made = decide(client, call, kind=kind, value=value, reason="the caller said so")
    assert made.status_code == 201
    audit = client.get("/api/v1/audit", params={"action": "call.decided"})
    details = audit.json()["items"][0]["details"]
    assert details["shown"] == {"band": "high", "flagged": True, "policy": shipped().version}
    assert "said so" not in audit.text


def test_decisions_are_told_to_the_audit_with_their_scores(client: httpx.Client, call: str) -> None:
    made = decide(client, call, kind="urgency", value="high").json()
    assert client.get(f"{CALLS}/{call}/decisions").json()["items"] == [made]
    query = {"subject": f"call:{call}", "action": "result.listed"}
    (entry,) = client.get("/api/v1/audit", params=query).json()["items"]
    assert entry["details"]["decisions"] == [[made["id"], made["shown"]]]


def test_no_such_outcome(client: httpx.Client, call: str) -> None:
    assert decide(client, call, kind="outcome", value="spoof").status_code == 422
    assert decide(client, call, kind="urgency", value="High").status_code == 422
    assert decide(client, call, kind="priority", value="raised").status_code == 201
    assert decide(client, "none", kind="outcome", value="prank").status_code == 404


def test_rules_are_changed_restored_and_switched(client: httpx.Client, service: Service) -> None:
    now = client.get(POLICY).json()
    assert (now["version"], now["on"], now["sha256"]) == (shipped().version, True, shipped().sha256)
    new = shipped().to_toml().replace(f'version = "{shipped().version}"', 'version = "night"')
    new = new.replace("base_rate = 0.0077", "base_rate = 0.02")
    answer = client.put(POLICY, json={"toml": new})
    assert answer.status_code == 200, answer.text
    assert service.state.policies.current().base_rate == 0.02
    other = new.replace("0.02", "0.03")
    assert client.put(POLICY, json={"toml": other}).status_code == 409
    for wrong in ("", "x", new.replace("fear = ", "fear = -"), new.replace("night", "n" * 49)):
        assert client.put(POLICY, json={"toml": wrong}).status_code == 422, wrong
    off = client.put(f"{POLICY}/switch", json={"on": False}).json()
    assert (off["on"], off["version"]) == (False, "night (off)")
    on = client.put(f"{POLICY}/switch", json={"on": True}).json()
    assert on == answer.json()
    back = client.post(f"{POLICY}/restore", json={"version": shipped().version}).json()
    assert parse(back["toml"]) == shipped()
    assert client.post(f"{POLICY}/restore", json={"version": "none"}).status_code == 404
    versions = [each["version"] for each in client.get(f"{POLICY}/versions").json()["items"]]
    assert versions[:4] == [shipped().version, "night", "night (off)", "night"]
    actions = client.get("/api/v1/audit", params={"subject": "policy"}).json()["items"]
    assert [each["action"] for each in actions[:4]] == [
        "policy.restored",
        "policy.switched",
        "policy.switched",
        "policy.set",
    ]
    assert actions[3]["details"]["before"] == shipped().version


def test_switching_never_takes_the_name_of_other_rules(service: Service) -> None:
    policies = service.state.policies
    policies.set(shipped().switched(True, "x"), "ada")
    other = parse(shipped().to_toml().replace("base_rate = 0.0077", "base_rate = 0.5"))
    policies.set(other.switched(False, "x (off)"), "ada")
    policies.restore("x", "ada")
    off = policies.switch(False, "ada")
    assert off.version not in ("x", "x (off)")
    assert policies.current() == shipped().switched(False, off.version)


def test_switched_off_nothing_is_shown(client: httpx.Client, call: str) -> None:
    decide(client, call, kind="urgency", value="low", reason="the caller said so")
    client.put(f"{POLICY}/switch", json={"on": False})
    answer = client.get(f"{CALLS}/{call}").json()
    assert answer["urgency"] is None and answer["check"] is None
    assert client.get(f"{CALLS}/{call}/assessments").json()["items"] == []
    refused = client.post("/api/v1/gravity", json={"text": "fire"})
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("model_off")
    made = decide(client, call, kind="urgency", value="low")
    assert (made.status_code, made.json()["shown"]) == (201, None)
    decided = client.get(f"{CALLS}/{call}/decisions").json()["items"]
    assert [each["shown"] for each in decided] == [None, None]
    with zipfile.ZipFile(io.BytesIO(client.get(f"{CALLS}/{call}/export").content)) as archive:
        assert json.loads(archive.read("assessments.json")) == []
        decided = json.loads(archive.read("decisions.json"))
    assert [each["shown"] for each in decided] == [None, None]


def test_gravity_of_a_text(client: httpx.Client) -> None:
    answer = client.post("/api/v1/gravity", json={"text": "there is a fire in the kitchen"}).json()
    assert answer["gravity"] == "High"
    assert any("fire" in match["text"] for match in answer["matched"])
    assert client.post("/api/v1/gravity", json={"text": "?!"}).status_code == 422


def test_learning_proposes_and_changes_nothing(client: httpx.Client, service: Service) -> None:
    decided = service.state.decided
    few = client.post(f"{POLICY}/learn", json={"target": "urgency"})
    assert few.status_code == 422 and "at least 30" in few.json()["detail"]
    with service.state.database.begin():
        for k in range(40):
            call_id = a_call(service, service.clock())
            strengths = dict.fromkeys(CHECK, 0.0) | {"laughter": float(k % 2)}
            shown = {"band": "low", "flagged": False, "strengths": strengths}
            decided.add(call_id, "ada", "outcome", "prank" if k % 2 else "genuine", "", shown)
    found = client.post(f"{POLICY}/learn", json={"target": "check"}).json()
    assert found["n_train"] + found["n_test"] >= 40
    assert found["shifts"]["laughter"] > 0.2
    assert found["after"]["log_loss"] < found["before"]["log_loss"]
    assert service.state.policies.current() == shipped()
    accept = {"toml": found["policy"]["toml"], "base": found["base"]}
    client.put(f"{POLICY}/switch", json={"on": False})
    assert client.put(POLICY, json=accept).status_code == 409
    assert not service.state.policies.current().enabled
    client.put(f"{POLICY}/switch", json={"on": True})
    assert client.put(POLICY, json=accept).json() == found["policy"]


def test_drift_by_week(client: httpx.Client, service: Service) -> None:
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    weeks_ago = (service.clock() - monday) // timedelta(weeks=1)

    def week() -> dict[str, Any]:
        query = {"weeks": weeks_ago + 1}
        items = client.get("/api/v1/drift", params=query).json()["items"]
        assert len(items) == weeks_ago + 1
        found: dict[str, Any] = items[0]
        return found

    assert week()["start"] == "2026-01-05"
    assert (week()["calls"], week()["unsure"], week()["override_rate"]) == (0, None, None)
    a_call(service, monday, Cue("gravity_words", 1.0), Cue("laughter", 1.0), Cue("no_sim", 1.0))
    a_call(service, monday + timedelta(days=7) - timedelta(seconds=1))
    a_call(service, monday + timedelta(days=7))
    a_call(service, monday - timedelta(seconds=1))
    found = week()
    assert (found["calls"], found["windows"], found["unsure"], found["flagged"]) == (2, 2, 1.0, 1)
    assert found["confidence"] == [0, 0, 0, 0, 0, 0, 0, 2, 0, 0]
    assert found["urgency"] == [0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    assert sum(found["check"]) == 2


def test_override_rate_of_this_week(client: httpx.Client, service: Service, call: str) -> None:
    def now() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/api/v1/drift", params={"weeks": 1}).json()["items"][0]
        return found

    before = now()
    decide(client, call, kind="urgency", value="high")
    decide(client, call, kind="urgency", value="low", reason="it was nothing")
    after = now()
    assert after["decisions"] - before["decisions"] == 2
    assert after["overridden"] - before["overridden"] == 1


def test_queue_is_ordered_by_urgency_then_by_time(client: httpx.Client, service: Service) -> None:
    bus, began = service.state.bus, service.clock()
    cues = {"calm": (), "urgent": (Cue("gravity_words", 1.0),), "later": ()}
    for k, (call_id, noticed) in enumerate(cues.items()):
        at = began + timedelta(seconds=k)
        bus.publish([CallStarted(call_id, at, (Role.CALLER,), {}, "voice", "0" * 64, 0.6)])
        bus.publish([assessed(call_id, 1.0, *noticed, Cue("laughter", 1.0))])
    try:
        answer = client.get("/api/v1/queue").json()
        assert [each["call_id"] for each in answer["items"]] == ["urgent", "calm", "later"]
        assert [each["place"] for each in answer["items"]] == [1, 2, 3]
        assert answer["items"][0]["urgency"]["band"] == "high"
        client.put(f"{POLICY}/switch", json={"on": False})
        answer = client.get("/api/v1/queue").json()
        assert answer["on"] is False
        assert [each["call_id"] for each in answer["items"]] == ["calm", "urgent", "later"]
    finally:
        ended = [CallEnded(call_id, began, EndReason.FINISHED, 1.0, 0.0, None) for call_id in cues]
        bus.publish(ended)


def test_what_is_answered_of_a_call_that_goes_on_is_what_the_audit_is_told(
    client: httpx.Client, service: Service, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s, bus, began = count(1), service.state.bus, service.clock()

    def of(call_ids: Sequence[str]) -> dict[str, Assessed]:
        told = {call_id: assessed(call_id, float(next(at_s))) for call_id in call_ids}
        bus.publish([assessed("live", float(next(at_s)))])
        return told

    monkeypatch.setattr(service.state.latest, "of", of)
    bus.publish([CallStarted("live", began, (Role.CALLER,), {}, "voice", "0" * 64, 0.6)])
    bus.publish([assessed("live", 0.0)])
    try:
        one = client.get(f"{CALLS}/{call}").json()
        timeline = client.get(f"{CALLS}/{call}/timeline").json()["call"]
        listed = client.get(CALLS, params={"per_page": 1}).json()["items"][0]
        queued = client.get("/api/v1/queue").json()["items"][0]
    finally:
        bus.publish([CallEnded("live", began, EndReason.FINISHED, 1.0, 0.0, None)])

    def told(**query: str | int) -> list[float]:
        items = client.get("/api/v1/audit", params=query).json()["items"]
        return [each["details"]["assessments"][0][0] for each in items]

    shown = told(subject=f"call:{call}", action="result.shown")
    assert shown == [timeline["urgency"]["at_s"], one["urgency"]["at_s"]]
    assert told(subject="calls", per_page=1) == [listed["urgency"]["at_s"]]
    assert told(subject="queue", per_page=1) == [queued["urgency"]["at_s"]]
