"""Decisions in a store, through the command, to rules in force: the whole way."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tonewatch.cli.main import app
from tonewatch.service.learning import propose
from tonewatch.service.policies import Policies
from tonewatch.store.audit import Audit
from tonewatch.store.calls import Calls
from tonewatch.store.database import Database
from tonewatch.store.decisions import KeptDecisions
from tonewatch.store.policies import PolicyTexts
from tonewatch.store.users import UserRole, Users
from tonewatch.triage.cues import CHECK
from tonewatch.triage.feedback import Decision, Learning, Target, quality
from tonewatch.triage.policy import Policy, shipped

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def world(rng: np.random.Generator) -> tuple[dict[str, float], bool]:
    """A call in a world where laughter says much, and whether it was genuine after all."""
    strengths = {name: float(rng.random() < 0.3) * float(rng.random()) for name in CHECK}
    z = -1.5 + 4 * strengths["laughter"] + 0.2 * sum(strengths.values())
    return strengths, bool(rng.random() < 1 / (1 + np.exp(-z)))


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = Database(f"sqlite:///{folder / 'tonewatch.db'}")
        self.db.upgrade()
        self.now = NOON
        self.calls = Calls(self.db, self.clock)
        self.decisions = KeptDecisions(self.db, self.clock)
        users = Users(self.db, self.clock)
        users.create("ada", UserRole.SUPERVISOR)
        users.create("bob", UserRole.CALL_TAKER)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def decide(self, n: int, seed: int = 1, malicious: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        with self.db.begin():
            for k in range(n):
                strengths, spoof = world(rng)
                spoof = spoof != bool(rng.random() < malicious)
                self.calls.start(
                    f"c{k}",
                    started_at=self.clock(),
                    channels=["caller"],
                    metadata={},
                    bundle="voice",
                    bundle_sha256="ab" * 32,
                    threshold=0.6,
                )
                shown = {"band": "low", "flagged": False, "strengths": strengths}
                value = "prank" if spoof else "genuine"
                self.decisions.add(f"c{k}", "bob", "outcome", value, "heard so", shown)

    @property
    def policy(self) -> Policy:
        audit = Audit(self.db, self.clock)
        return Policies(self.db, PolicyTexts(self.db, self.clock), audit).current()

    def run(self, *arguments: str) -> Result:
        self.db.close()
        data_dir = str(self.folder)
        return CliRunner().invoke(app, ["learn", "--data-dir", data_dir, *arguments])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.db.close()


def later(seed: int) -> list[Decision]:
    rng = np.random.default_rng(seed)
    return [Decision(float(at), *world(rng)) for at in range(400)]


def loss(policy: Policy) -> float:
    """On later calls, at their base rate; which is the same for all that are compared."""
    return quality(policy, Target.CHECK, later(99), -1.5).log_loss


def test_accepted_rules_are_better_and_the_old_come_back(store: Store) -> None:
    store.decide(200)
    proposed = store.run()
    assert proposed.exit_code == 0, proposed.output
    assert "140 earlier decisions learnt from, 60 later" in proposed.stdout
    assert "before  log-loss" in proposed.stdout and "(" in proposed.stdout
    assert "Nothing changed." in proposed.stdout
    assert store.policy == shipped()

    accepted = store.run("--accept", "ada", "--json", "-")
    assert accepted.exit_code == 0, accepted.output
    told = json.loads(accepted.stdout)
    assert told["accepted_by"] == "ada"
    assert max(told["shifts"], key=lambda cue: abs(told["shifts"][cue])) == "laughter"
    assert told["shifts"]["laughter"] > 0.2
    assert told["after"]["log_loss"] < told["before"]["log_loss"]
    learnt = store.policy
    assert learnt.version == told["version"]
    assert learnt.check["laughter"] == shipped().check["laughter"] + told["shifts"]["laughter"]
    assert loss(learnt) < loss(shipped())

    restored = store.run("--restore", shipped().version, "--accept", "ada")
    assert restored.exit_code == 0, restored.output
    assert store.policy == shipped()
    entries = Audit(store.db, store.clock).list(subject="policy").items
    assert [(each.actor, each.action) for each in entries] == [
        ("ada", "policy.restored"),
        ("ada", "policy.set"),
    ]
    assert entries[1].details["sha256"] == learnt.sha256


def test_a_malicious_half_moves_no_weight_further_than_the_prior_lets_it(store: Store) -> None:
    store.decide(400, malicious=0.5)
    told = json.loads(store.run("--json", "-").stdout)
    assert max(abs(shift) for shift in told["shifts"].values()) <= Learning().most_shift
    # Half of the answers turned round say nothing of laughter: it stays about where it was.
    assert abs(told["shifts"]["laughter"]) < 0.6


def test_accepting_one_proposal_after_the_other_leads_no_further(store: Store) -> None:
    store.decide(300, malicious=1.0)
    policies = Policies(store.db, PolicyTexts(store.db, store.clock), Audit(store.db, store.clock))
    for _ in range(3):
        found = propose(store.decisions, policies, Target.CHECK, store.clock())
        policies.set(found.policy, "ada")
        moved = [abs(found.policy.check[cue] - shipped().check[cue]) for cue in CHECK]
        assert max(moved) <= Learning().most_shift + 1e-9
    assert max(moved) > 0.9
    assert not any(found.shifts.values())
    policies.switch(False, "ada")
    assert policies.by_hand() == shipped()
    policies.set(found.policy.switched(True, "ours"), "ada")
    assert policies.by_hand().version == "ours"


def test_of_each_call_the_last_decision_counts_and_tests_do_not(store: Store) -> None:
    store.decide(60)
    shown = {"band": "low", "flagged": False, "strengths": {}}
    for k in range(20):
        store.decisions.add(f"c{k}", "bob", "outcome", "genuine", "wrong before", shown)
    for k in range(20, 30):
        store.decisions.add(f"c{k}", "bob", "outcome", "test", "", shown)
        store.decisions.add(f"c{k + 10}", "bob", "priority", "raised")
    told = json.loads(store.run("--json", "-").stdout)
    assert told["n_train"] + told["n_test"] == 50


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--target", "mood"], "urgency or check"),
        (["--target", "urgency"], "at least 30"),
        (["--accept", "nobody"], "supervisor or administrator"),
        (["--accept", "bob"], "supervisor or administrator"),
        (["--restore", "tonewatch-1"], "--accept NAME"),
        (["--database", "sqlite:////no/such.db"], "name one with"),
    ],
)
def test_wrong_usage_changes_nothing(store: Store, arguments: list[str], expected: str) -> None:
    store.decide(40)
    result = store.run(*arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert store.policy == shipped()


def test_restoring_what_never_was(store: Store) -> None:
    result = store.run("--restore", "unheard-of", "--accept", "ada")
    assert result.exit_code == 1
    assert "a version that was in force" in result.stderr
