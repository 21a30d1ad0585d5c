"""What the running service holds: the store's repositories, the model, sessions, metrics, hooks.

Made once at the start, from the settings, and found again at `app.state.tonewatch`. It knows no
route. Live calls and the bus hang themselves in by its hooks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast
from uuid import uuid4

import structlog
from starlette.requests import HTTPConnection

from tonewatch.core.errors import ConflictError, SettingsError, StoreError
from tonewatch.inference.predictor import Predictor
from tonewatch.service.assessed import Latest
from tonewatch.service.auth.people import People
from tonewatch.service.auth.secret import load_secret
from tonewatch.service.auth.sessions import Sessions
from tonewatch.service.auth.signed_out import SignedOut
from tonewatch.service.auth.throttle import Throttle
from tonewatch.service.bus import Bus
from tonewatch.service.decisions import Decisions
from tonewatch.service.detector import Detector
from tonewatch.service.metrics import Metrics
from tonewatch.service.policies import Policies
from tonewatch.service.settings import Settings
from tonewatch.service.shown import Shown
from tonewatch.store.assessments import Assessments
from tonewatch.store.audit import Audit
from tonewatch.store.blobs import Blobs, FolderBlobs
from tonewatch.store.calls import Calls
from tonewatch.store.database import Database
from tonewatch.store.decisions import KeptDecisions
from tonewatch.store.drift import Drift
from tonewatch.store.export import Export
from tonewatch.store.keys import ApiKeys
from tonewatch.store.links import OneTimeLinks
from tonewatch.store.notes import Notes
from tonewatch.store.policies import PolicyTexts
from tonewatch.store.preferences import Preferences
from tonewatch.store.recordings import Recordings
from tonewatch.store.retention import Policy, Retention, Swept
from tonewatch.store.transcripts import Transcripts
from tonewatch.store.users import UserRole, Users

Clock = Callable[[], datetime]
Hook = Callable[[], Awaitable[None]]

SYSTEM = "tonewatch"
"""The audit's actor for what the service does of itself."""

_MODEL_ON = "model.on"
_POLICY = "retention.policy"
_LEFTOVER_S = 3600.0


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


async def _nobody() -> frozenset[str]:
    return frozenset()


@dataclass
class State:
    """All that lives as long as the service.

    Attributes:
        settings: as it was started.
        clock: the time.
        metrics: fed by whoever sees a thing happen.
        database: with all repositories below.
        predictor: the bundle's network; live calls share it.
        detector: hears recordings.
        bus: the events of live calls, of this and all other processes.
        people: lets users in and changes them.
        policies: the rules of triage.
        latest: the assessments that are shown of calls now.
        decided: what people decided about calls; `decisions` takes new ones.
        drift: counts of what was heard and shown.
        transcribing: the recogniser that live calls have; `off` where they have none.
        setup_link: the address where the first administrator sets a password; empty when there
            are users already.
        on_start: called in their order before the first request.
        on_drain: called when the service is told to stop; each has `settings.drain_s`.
        live_elsewhere: ids of the calls that other processes hold now.
        draining: whether it was told to stop: no new call may begin.
    """

    settings: Settings
    clock: Clock
    metrics: Metrics
    database: Database
    blobs: Blobs
    users: Users
    links: OneTimeLinks
    people: People
    keys: ApiKeys
    recordings: Recordings
    calls: Calls
    notes: Notes
    decided: KeptDecisions
    assessments: Assessments
    transcripts: Transcripts
    audit: Audit
    retention: Retention
    export: Export
    preferences: Preferences
    predictor: Predictor
    detector: Detector
    sessions: Sessions
    signed_out: SignedOut
    throttle: Throttle
    shown: Shown
    bus: Bus
    policies: Policies
    latest: Latest
    decisions: Decisions
    drift: Drift
    transcribing: str = "off"
    setup_link: str = ""
    on_start: list[Hook] = field(default_factory=list)
    on_drain: list[Hook] = field(default_factory=list)
    live_elsewhere: Callable[[], Awaitable[frozenset[str]]] = _nobody
    draining: bool = False
    _drained: asyncio.Task[None] | None = None
    _model_on: tuple[float, bool] = (float("-inf"), True)

    @staticmethod
    def of(connection: HTTPConnection) -> "State":
        """The state of the application that a request or WebSocket came to."""
        return cast(State, connection.app.state.tonewatch)

    @classmethod
    def open(cls, settings: Settings, clock: Clock = now) -> Self:
        """Make the folders, bring the database up to date, load the model.

        Raises:
            SettingsError: the data folder cannot be made.
            StoreError: the database does not answer, or is of a newer version.
            BundleError: the bundle does not fit.
        """
        _make_folders(settings)
        predictor = Predictor.load(settings.bundle)
        secret = load_secret(settings.secret, settings.data_dir)
        database = Database(settings.database)
        database.upgrade()
        users, links = Users(database, clock), OneTimeLinks(database, clock)
        audit = Audit(database, clock)
        calls = Calls(database, clock)
        notes, decided = Notes(database, clock), KeptDecisions(database, clock)
        preferences = Preferences(database, clock)
        blobs = FolderBlobs(settings.data_dir / "blobs")
        recordings = Recordings(database, clock, blobs)
        assessments = Assessments(database)
        transcripts = Transcripts(database)
        policies = Policies(database, PolicyTexts(database, clock), audit)
        bus = Bus(settings.redis_url, uuid4().hex, clock)
        latest = Latest(bus, assessments, policies)
        lasts = timedelta(hours=settings.session_h)
        state = cls(
            settings=settings,
            clock=clock,
            metrics=Metrics(),
            database=database,
            blobs=blobs,
            users=users,
            links=links,
            people=People(database, users, links, audit, settings),
            keys=ApiKeys(database, clock),
            recordings=recordings,
            calls=calls,
            notes=notes,
            decided=decided,
            assessments=assessments,
            transcripts=transcripts,
            audit=audit,
            retention=Retention(database, clock, recordings, audit),
            export=Export(
                calls, notes, decided, recordings, assessments, transcripts, audit, blobs
            ),
            preferences=preferences,
            predictor=predictor,
            detector=Detector(settings.bundle, settings.detect_jobs),
            sessions=Sessions(secret, lasts, clock),
            signed_out=SignedOut(preferences, lasts, clock),
            throttle=Throttle(clock),
            shown=Shown(audit, clock),
            bus=bus,
            policies=policies,
            latest=latest,
            decisions=Decisions(database, decided, audit, latest),
            drift=Drift(database),
        )
        state.setup_link = state._first_administrator()
        state.metrics.model_on.set(state.model_on)
        return state

    @property
    def bundle(self) -> dict[str, Any]:
        """What names the model in results and in the audit."""
        info = self.predictor.bundle.info
        return {
            "name": info.name,
            "version": info.version,
            "sha256": self.predictor.bundle.sha256,
            "threshold": info.calibration.certain_threshold,
        }

    @property
    def model_on(self) -> bool:
        """Whether the model may hear at all; another process's change is seen within 2 s."""
        read_at, is_on = self._model_on
        if time.monotonic() - read_at > 2:
            is_on = self.preferences.get(_MODEL_ON) is not False
            self._know_model(is_on)
        return is_on

    @property
    def triage_on(self) -> bool:
        """Whether calls are scored at all: the model is on, and the rules of triage are."""
        return self.model_on and self.policies.current().enabled

    def switch_model(self, on: bool, actor: str) -> None:
        """Switch the model on or off, for all processes, and write it down."""
        with self.database.begin():
            self.preferences.set(_MODEL_ON, on)
            self.audit.append(actor, "model.switched", "model", {"on": on, "bundle": self.bundle})
        self._know_model(on)

    def _know_model(self, is_on: bool) -> None:
        self._model_on = (time.monotonic(), is_on)
        self.metrics.model_on.set(is_on)

    def policy(self) -> Policy:
        """How long what is kept."""
        return Policy.from_dict(self.preferences.get(_POLICY) or {})

    def set_policy(self, policy: Policy, actor: str) -> None:
        """Change how long what is kept, and write it down."""
        with self.database.begin():
            self.preferences.set(_POLICY, policy.to_dict())
            self.audit.append(actor, "retention.set", "retention", policy.to_dict())

    def sweep(self, actor: str = "retention", policy: Policy | None = None) -> Swept:
        """Delete what is older than it may be, and copies of audio that a crash left.

        Args:
            actor: who does, for the audit.
            policy: how long what is kept; as it is now if None.

        Raises:
            StoreError: the database does not answer, or a copy cannot go.
        """
        swept = self.retention.sweep(policy or self.policy(), actor=actor)
        try:
            _clear_incoming(self.settings)
        except OSError as error:
            raise StoreError(
                f"expected to delete what is left in incoming, came: {error}; delete it by hand"
            ) from error
        return swept

    async def drain(self) -> None:
        """Let live calls end and be kept; the first call does it, later ones wait for it."""
        if self._drained is None:
            self.draining = True
            self._drained = asyncio.create_task(self._drain())
        await self._drained

    def close(self) -> None:
        """Stop what still runs, and let go of the database."""
        self.detector.close()
        self.database.close()

    async def _drain(self) -> None:
        log = structlog.get_logger("tonewatch.service")
        for hook in self.on_drain:
            try:
                async with asyncio.timeout(self.settings.drain_s):
                    await hook()
            except TimeoutError:
                log.error("drain_timed_out", hook=str(hook), after_s=self.settings.drain_s)
            except Exception as error:  # the other hooks must still run
                log.error("drain_failed", hook=str(hook), exc_info=error)

    def _first_administrator(self) -> str:
        """The first user, made where there is none; a link while nobody has a password."""
        users = self.users.list()
        if not users:
            with suppress(ConflictError):  # another process was quicker
                return self.people.add("admin", UserRole.ADMINISTRATOR, SYSTEM)[1]
            users = self.users.list()
        if any(self.users.password_hash_of(user.name) for user in users):
            return ""
        return self.people.link(users[0])


def _make_folders(settings: Settings) -> None:
    """The folder of all data, and that where uploads are taken in, without old leftovers."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.data_dir / "incoming").mkdir(mode=0o700, exist_ok=True)
        _clear_incoming(settings)
    except OSError as error:
        raise SettingsError(
            f"expected a folder for data at {settings.data_dir}, came: {error}; "
            "set TONEWATCH_DATA_DIR to one that can be written"
        ) from error


def _clear_incoming(settings: Settings) -> None:
    """Delete copies of audio that a crash left; this or another process may be at newer ones."""
    newest = time.time() - settings.max_duration_s - _LEFTOVER_S
    for left in (settings.data_dir / "incoming").iterdir():
        with suppress(FileNotFoundError):  # its own process was done with it
            if left.stat().st_mtime < newest:
                left.unlink()
