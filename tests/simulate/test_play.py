"""Playing into a service that really runs."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service.live.talk import as_float, key, spoken
from service.live.test_live import ended
from service.running import Service, running
from simulate.test_render import rendered
from tonewatch.call.roles import Role
from tonewatch.core.errors import CorpusError, PlayError
from tonewatch.service.auth.permissions import Permission
from tonewatch.service.settings import Settings
from tonewatch.simulate.client import Where, live_address
from tonewatch.simulate.play import Run, play
from tonewatch.simulate.render import Sides, Simulated
from tonewatch.simulate.upcoming import Upcoming


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), transcribe="off", max_calls_per_key=3
    )
    with running(settings) as service:
        yield service


def call(number: int, seconds: float) -> Simulated:
    """The caller is heard on the first channel, the call-taker shouts on the second."""
    samples = np.stack([spoken(seconds, "sad"), spoken(seconds, "angry", 1)], axis=1)
    labels = replace(
        rendered(Sides.BOTH).labels,
        id=f"call-{number:04d}",
        metadata={"number": f"+44 20 7946 000{number}"},
        duration_s=seconds,
    )
    return Simulated(labels, as_float(samples))


def upcoming(*lengths_s: float, apart_s: float = 0.5) -> list[Upcoming]:
    return [Upcoming(k * apart_s, partial(call, k + 1, s)) for k, s in enumerate(lengths_s)]


def played(service: Service, secret: str, calls: Sequence[Upcoming]) -> Run:
    return asyncio.run(play(calls, Where(live_address(service.url), secret)))


def test_calls_are_heard_and_kept_and_the_call_taker_is_never_scored(service: Service) -> None:
    shown: list[int] = []
    where = Where(live_address(service.url), key(service))
    run = asyncio.run(play(upcoming(5.0, 4.0), where, lambda run: shown.append(run.ended)))
    summary = run.summary()
    assert (summary["calls"], summary["begun"], summary["finished"]) == (2, 2, 2)
    assert summary["troubled"] == 0
    assert summary["sent_s"] == pytest.approx(9.0)
    assert shown[-1] == 2
    for each in run.played:
        met, labels = each.met, each.labels
        assert met.roles == {Role.CALLER}
        assert met.windows >= int(labels.duration_s) - 2
        assert met.assessed is not None and met.assessed["urgency"]["value"] > 0
        kept = ended(service, met.call_id)
        assert kept.reason == "finished"
        assert kept.duration_s == pytest.approx(labels.duration_s)
        # What is true of it is not told, but that nobody called is.
        said = {"simulated": labels.id, "place": "simulated"}
        assert kept.metadata == {**labels.metadata, **said}
        assert {window.channel for window in service.state.calls.windows(met.call_id)} == {0}
    assert summary["windows"] == sum(each.met.windows for each in run.played)
    assert summary["latency_p95_s"] >= summary["latency_p50_s"] > 0


def test_a_call_comes_at_its_time(service: Service) -> None:
    run = played(service, key(service), upcoming(1.0, 1.0, apart_s=2.0))
    starts = [ended(service, each.met.call_id).started_at for each in run.played]
    assert (starts[1] - starts[0]).total_seconds() >= 1.5


def test_calls_that_take_long_to_make_are_told_to_be_late(service: Service) -> None:
    def slow() -> Simulated:
        time.sleep(1.5)
        return call(1, 1.0)

    late = played(service, key(service), [Upcoming(0.0, slow)])
    assert late.summary()["behind_s"] >= 1.4
    assert late.summary()["finished"] == 1


def test_keys_that_may_not(service: Service) -> None:
    with pytest.raises(PlayError, match="TONEWATCH_KEY"):
        played(service, "tw_00000000_x", upcoming(2.0))
    with pytest.raises(PlayError, match="make a key with the scope calls:live"):
        played(service, key(service, Permission.CALLS_READ), upcoming(2.0, 2.0))


@pytest.mark.parametrize("path", ["", "/docs-that-are-not-there/api/v1/live"])
def test_no_service_is_there(service: Service, path: str) -> None:
    url = live_address(service.url + path) if path else "ws://127.0.0.1:9/api/v1/live"
    with pytest.raises(PlayError, match="start one with `tonewatch serve`"):
        asyncio.run(play(upcoming(2.0), Where(url, "tw_x")))


def test_calls_past_the_limit_are_told_and_do_not_hurt_the_others(service: Service) -> None:
    run = played(service, key(service), upcoming(*[4.0] * 4, apart_s=0.01))
    summary = run.summary()
    assert (summary["finished"], summary["troubled"]) == (3, 1)
    (refused,) = (each.met for each in run.played if each.met.trouble)
    assert "at most 3 live calls" in refused.trouble
    assert refused.call_id == ""
    assert run.ended == 4


def test_stopping_hangs_up_what_is_open_and_begins_nothing_more(service: Service) -> None:
    secret = key(service)

    async def stopped() -> Run:
        calls = upcoming(60.0, 60.0, 60.0, apart_s=0.0)
        later = [*calls, Upcoming(30.0, partial(call, 9, 60.0))]
        seen: list[Run] = []
        task = asyncio.create_task(
            play(later, Where(live_address(service.url), secret), seen.append)
        )
        while not (seen and sum(each.met.sent_s > 0.5 for each in seen[-1].played) == 3):
            await asyncio.sleep(0.1)
        task.cancel()
        return await task

    run = asyncio.run(stopped())
    summary = run.summary()
    assert summary["interrupted"]
    assert (summary["begun"], summary["hung_up"], summary["troubled"]) == (3, 3, 0)
    for each in run.played:
        kept = ended(service, each.met.call_id)
        assert kept.reason == "hung_up"
        assert kept.duration_s == pytest.approx(each.met.sent_s, abs=0.01)


def test_a_call_that_cannot_be_made_ends_the_others(service: Service) -> None:
    def broken() -> Simulated:
        raise CorpusError("expected a recording, came none")

    began = asyncio.run(_with_time(service, [*upcoming(60.0), Upcoming(1.0, broken)]))
    assert began < 50


async def _with_time(service: Service, calls: Sequence[Upcoming]) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(CorpusError):
        await play(calls, Where(live_address(service.url), key(service)))
    return loop.time() - began


def test_audio_is_not_kept_where_it_is_not_to_be(service: Service, tmp_path: Path) -> None:
    secret = key(service)
    where = Where(live_address(service.url), secret, record=False)
    quiet = asyncio.run(play(upcoming(2.0), where)).played[0].met.call_id
    loud = played(service, secret, upcoming(2.0)).played[0].met.call_id
    ended(service, loud)
    for _ in range(600):
        if service.state.recordings.list(call_id=loud).items:
            break
        asyncio.run(asyncio.sleep(0.1))
    assert service.state.recordings.list(call_id=loud).items
    assert not service.state.recordings.list(call_id=quiet).items
