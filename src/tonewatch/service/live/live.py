"""The live side of one process: its parts, from the start to the end.

Before the first call it takes up what dead processes left: events that the database does not have
yet, and recordings that were cut off. When the service stops, calls end first, then what they left
is written, in the order in which it came about.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket

from tonewatch.call.events import Heard, to_dict
from tonewatch.call.roles import Role
from tonewatch.call.sinks import Subscription
from tonewatch.core.errors import ConflictError, NotFoundError, StoreError
from tonewatch.core.signal import RATE_HZ
from tonewatch.service.auth.guard import again
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.live.engine import Engine
from tonewatch.service.live.folder import Folder, of_the_dead
from tonewatch.service.live.keeper import Item, Keeper, recorded
from tonewatch.service.live.line import Block, Line
from tonewatch.service.live.recogniser import OFF, chosen, maker
from tonewatch.service.live.recorder import Recorded, Recorder, mend
from tonewatch.service.live.scribe import Scribe
from tonewatch.service.live.socket import Connection
from tonewatch.service.live.switchboard import Switchboard
from tonewatch.service.live.triage import Triage, calls_before
from tonewatch.service.live.writer import Writer
from tonewatch.service.state import State
from tonewatch.store.spool import Spool
from tonewatch.transcript.pool import Pool

_WATCH_EVERY_S = 1.0
_GATHER_S = 0.5
_SENDERS_EVERY_S = 2.0
_CAPACITY = 100_000  # events that wait for the writer; 100 calls tell some 200 a second
_GOODBYE_S = 5.0
_TAKE_UP_S = 600.0


class Live:
    """The live calls of one process.

    Args:
        state: the service's.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._keeper = Keeper(
            state.database,
            state.calls,
            state.recordings,
            state.transcripts,
            state.assessments,
            state.audit,
        )
        self._base = state.settings.data_dir / "live"
        self._folder: Folder | None = None
        self._scribe: Scribe | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._watches: list[asyncio.Task[None]] = []
        self._lost: WeakKeyDictionary[Subscription, int] = WeakKeyDictionary()
        self._log = structlog.get_logger("tonewatch.live")

    async def start(self) -> None:
        """Take up what was left, and begin to take calls.

        Raises:
            SettingsError: Redis does not answer.
        """
        await run_in_threadpool(self._start)
        self.switchboard.loop = asyncio.get_running_loop()
        self._watches = [
            asyncio.create_task(watch) for watch in (self._watch_over(), self._watch_senders())
        ]

    async def serve(self, socket: WebSocket) -> None:
        """Serve one WebSocket until it is closed."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await Connection(socket, self._state, self.switchboard).run()
        finally:
            self._connections.discard(task)

    async def drain(self) -> None:
        """End all calls and keep them; nothing is heard after that."""
        await self.switchboard.drain()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_GOODBYE_S)
        for watch in self._watches:
            watch.cancel()
        await run_in_threadpool(self._stop)

    async def elsewhere(self) -> frozenset[str]:
        """The ids of the calls that other processes hear now."""
        return self._state.bus.elsewhere()

    def _start(self) -> None:
        state = self._state
        state.bus.start()
        for left in of_the_dead(self._base):
            self._take_up(left)
        self._folder = Folder(self._base / uuid.uuid4().hex)
        self._spool = Spool(self._folder.spool, self._keeper, gather_s=_GATHER_S)
        events = state.bus.local.subscribe("store", capacity=_CAPACITY)
        self._writer = Writer(events, self._spool, self._told, state.policies.told)
        self._recorder = None
        if state.settings.keep_audio != "none":
            lost = state.metrics.dropped.labels("recording")
            self._recorder = Recorder(self._folder.recordings, self._recorded, lost.inc)
            self._recorder.start()
        self._engine = Engine(state.bus.publish, self._over, state.metrics)
        self.switchboard = Switchboard(
            state, self._engine, self._recorder, self._writer.sent_by, self._listeners
        )
        self._triage = Triage(
            state.bus.local.subscribe("triage", capacity=_CAPACITY),
            policy=state.policies.current,
            is_on=lambda: self._engine.hearing and state.policies.current().enabled,
            tell=self.switchboard.tell,
            keep=self._writer.put,
            calls_before=partial(calls_before, state.calls),
            has_late_words=self._has_late_words,
            clock=self._engine.clock,
        )
        state.transcribing = chosen(state.settings)
        if (make := maker(state.settings)) is not None:
            workers = state.settings.transcribe_workers
            self._scribe = Scribe(
                state.bus.local.subscribe("scribe", capacity=_CAPACITY),
                lambda take, done: Pool(make, workers, take, on_closed=done),
                tell=self.switchboard.tell,
                late=self._late,
                broken=self._mute,
            )
            self._scribe.start()
        self._writer.start()
        self._triage.start()
        self._engine.start()

    def _stop(self) -> None:
        self._engine.stop()
        if self._recorder is not None:
            self._recorder.stop()
        if self._scribe is not None:
            self._scribe.stop()
        self._triage.stop()
        self._writer.stop()
        self._state.bus.close()
        if self._folder is not None:
            unkept = len(list(self._folder.recordings.glob("*.flac")))
            if self._spool.waiting or unkept:
                self._log.warning("left", events=self._spool.waiting, recordings=unkept)
                self._folder.release()
            else:
                self._dissolve(self._folder)

    def _take_up(self, left: Folder) -> None:
        """Keep what a dead process could not."""
        spool = Spool(left.spool, self._keeper)
        spool.flush(_TAKE_UP_S)
        spool.close()
        if spool.waiting:
            self._log.warning("left", events=spool.waiting, why=spool.last_error)
            left.release()
            return
        done = [self._mend(path) for path in sorted(left.recordings.glob("*.flac"))]
        if all(done):
            self._dissolve(left)
        else:
            left.release()

    def _mend(self, path: Path) -> bool:
        """Keep a recording that was cut off; gives whether it is done with."""
        whole = None
        try:
            whole = mend(path)
            if whole is not None:
                self._keep_or_drop(self._kept(whole))
        except (OSError, StoreError) as error:  # no room: the next start may have some
            self._log.error("recording_left", call_id=path.stem, error=str(error))
            return False
        self._delete(path)
        if whole is not None:
            self._delete(whole.path)
        return True

    def _keep_or_drop(self, item: Item) -> None:
        """Keep a recording, or delete what the store will never take: its call was erased."""
        try:
            self._keeper([item])
            self._log.info("recording_mended", call_id=item["call_id"])
        except (ConflictError, NotFoundError) as error:
            self._log.error("recording_refused", call_id=item["call_id"], error=str(error))
            self._state.recordings.drop_unused_file(item["recording"]["sha256"])

    def _dissolve(self, folder: Folder) -> None:
        """Remove a folder of which all is kept; a list of what the store refused stays."""
        if (folder.spool / "rejected.jsonl").exists():
            self._log.error("events_rejected", folder=str(folder.spool))
            folder.release()
        else:
            folder.remove()

    def _listeners(
        self, call_id: str, channels: Sequence[Role]
    ) -> Sequence[Callable[[Block | int], None]]:
        return () if self._scribe is None else self._scribe.listeners(call_id, channels)

    def _has_late_words(self, call_id: str) -> bool:
        return self._scribe is not None and self._scribe.has_late_words(call_id)

    def _late(self, heard: Heard) -> None:
        """Words that came after their call's end: for the record."""
        self._triage.put(heard)
        self._writer.put(to_dict(heard))

    def _mute(self, why: str) -> None:
        self._state.transcribing = OFF

    def _over(self, line: Line) -> None:
        self.switchboard.over(line)

    def _recorded(self, recorded: Recorded) -> None:
        # The next start keeps it again if we are killed in between, which makes no difference.
        self._writer.put(self._kept(recorded), partial(self._delete, recorded.path))

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._log.error("recording_not_deleted", path=str(path), error=str(error))

    def _kept(self, whole: Recorded) -> Item:
        with whole.path.open("rb") as file:
            sha256, size_bytes = self._state.blobs.put(file)
        return recorded(
            whole.call_id,
            sha256=sha256,
            name=f"{whole.call_id}.flac",
            size_bytes=size_bytes,
            duration_s=whole.n_samples / RATE_HZ,
            rate_hz=RATE_HZ,
            channels=whole.channels,
            codec="flac",
        )

    def _told(self) -> None:
        self._state.metrics.spooled.set(self._spool.waiting)

    async def _watch_senders(self) -> None:
        """End the calls of those who may no longer send any."""
        while True:
            await asyncio.sleep(_SENDERS_EVERY_S)
            with suppress(StoreError):  # while the database is away nobody can be asked
                for call_id in await run_in_threadpool(self._revoked):
                    self.switchboard.revoke(call_id)

    def _revoked(self) -> list[str]:
        senders = self.switchboard.senders()
        # One key may send a hundred calls.
        each = {who.key.id if who.key else who.session: who for who in senders.values()}
        may = {
            name: (now := again(who, self._state)) is not None and now.may(Permission.CALLS_LIVE)
            for name, who in each.items()
        }
        return [
            call_id
            for call_id, who in senders.items()
            if not may[who.key.id if who.key else who.session]
        ]

    async def _watch_over(self) -> None:
        """See each second whether the model may hear, and how full the queues are."""
        state, metrics = self._state, self._state.metrics
        while True:
            with suppress(StoreError):  # while the database is away it stays as it is
                self._engine.hearing = await run_in_threadpool(lambda: state.model_on)
            metrics.queue_depth.labels("hear").set(len(self._engine))
            for subscription in state.bus.subscriptions():
                metrics.queue_depth.labels(subscription.name).set(len(subscription))
                seen = self._lost.get(subscription, 0)
                if subscription.lost_events > seen:
                    lost = subscription.lost_events - seen
                    metrics.events_lost.labels(subscription.name).inc(lost)
                    self._lost[subscription] = subscription.lost_events
            await asyncio.sleep(_WATCH_EVERY_S)
