import io
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.kept import EMOTION, NOON, SHA, Kept
from tonewatch.core.errors import ConflictError, NotFoundError, StoreError
from tonewatch.store.recordings import Recording


def test_a_recording_is_kept(kept: Kept) -> None:
    kept.call("c")
    made = kept.recording(b"sound", name="Ärger.wav", created_by="Ada", call_id="c")
    assert made == Recording(
        id=made.id,
        sha256=made.sha256,
        name="Ärger.wav",
        size_bytes=5,
        duration_s=10.0,
        rate_hz=16000,
        channels=1,
        codec="flac",
        created_at=NOON,
        created_by="Ada",
        call_id="c",
        legal_hold=False,
        deleted_at=None,
        result=None,
    )
    assert kept.recordings.get(made.id) == made
    with kept.blobs.open(made.sha256) as file:
        assert file.read() == b"sound"


def test_a_given_id_is_kept_once(kept: Kept) -> None:
    first = kept.recording(b"sound", recording_id="r")
    assert kept.recording(b"sound", recording_id="r") == first
    assert kept.recordings.list().total == 1


def test_content_must_be_there_first(kept: Kept) -> None:
    made = kept.recording(b"sound")
    kept.recordings.purge(made.id)
    with pytest.raises(ConflictError, match="put it again"):
        kept.recordings.add(
            sha256=SHA,
            name="a",
            size_bytes=1,
            duration_s=1.0,
            rate_hz=8000,
            channels=1,
            codec="wav",
        )
    with pytest.raises(ConflictError):
        kept.recording(b"sound", call_id="nobody")


def test_a_large_result_comes_back(kept: Kept) -> None:
    made = kept.recording(b"sound")
    result = {
        "emotion": EMOTION,
        "timeline": [{"start_s": k / 3, "p": "x" * 100} for k in range(2000)],
    }
    assert kept.recordings.set_result(made.id, result).result == result
    assert kept.recordings.get(made.id).result == result
    assert kept.recordings.list(label="fear").total == 1
    kept.recordings.set_result(made.id, {"emotion": None})
    assert kept.recordings.list(label="fear").total == 0
    assert kept.recordings.set_result(made.id, None).result is None


def names(kept: Kept, **filters: object) -> list[str]:
    return [each.name for each in kept.recordings.list(**filters).items]  # type: ignore[arg-type]


def test_filters(kept: Kept) -> None:
    kept.call("c")
    kept.recording(b"1", name="Fire.wav")
    kept.clock.turn(minutes=1)
    kept.recording(b"2", name="flood.mp3", call_id="c")
    assert names(kept) == ["flood.mp3", "Fire.wav"]
    assert names(kept, search="fIR") == ["Fire.wav"]
    assert names(kept, since=NOON + timedelta(minutes=1)) == ["flood.mp3"]
    assert names(kept, until=NOON + timedelta(minutes=1)) == ["Fire.wav"]
    assert names(kept, call_id="c") == ["flood.mp3"]
    assert names(kept, page=2, per_page=1) == ["Fire.wav"]


def test_deleting_can_be_undone(kept: Kept) -> None:
    made = kept.recording(b"sound")
    assert kept.recordings.delete(made.id).deleted_at == NOON
    assert names(kept) == []
    assert names(kept, deleted=True) == ["call.flac"]
    with pytest.raises(NotFoundError):
        kept.recordings.get(made.id)
    with pytest.raises(NotFoundError):
        kept.recordings.set_result(made.id, {})
    assert kept.recordings.get(made.id, deleted=True).deleted_at == NOON
    assert kept.recordings.restore(made.id) == made
    assert names(kept) == ["call.flac"]


def test_the_file_goes_with_its_last_recording(kept: Kept) -> None:
    first, second = kept.recording(b"sound"), kept.recording(b"sound")
    assert first.sha256 == second.sha256
    assert not kept.recordings.purge(first.id)
    assert kept.blobs.exists(first.sha256)
    assert kept.recordings.purge(second.id)
    assert not kept.blobs.exists(first.sha256)
    with pytest.raises(NotFoundError):
        kept.recordings.restore(second.id)


def test_held_recordings_stay(kept: Kept) -> None:
    kept.call("c")
    own, by_call = kept.recording(b"1"), kept.recording(b"2", call_id="c")
    assert kept.recordings.hold(own.id, True).legal_hold
    kept.calls.hold("c", True)
    assert kept.recordings.get(by_call.id).legal_hold
    assert all(each.legal_hold for each in kept.recordings.list(call_id="c").items)
    for made in (own, by_call):
        for step in (kept.recordings.delete, kept.recordings.purge):
            with pytest.raises(ConflictError, match="legal hold"):
                step(made.id)
    kept.recordings.hold(own.id, False)
    kept.calls.hold("c", False)
    for made in (own, by_call):
        assert kept.recordings.purge(made.id)


def test_who_purges_while_a_hold_comes_is_refused(kept: Kept) -> None:
    kept.call("c")
    own, by_call = kept.recording(b"1"), kept.recording(b"2", call_id="c")
    holds: tuple[Callable[[], object], ...] = (
        lambda: kept.recordings.hold(own.id, True),
        lambda: kept.calls.hold("c", True),
    )
    for made, hold in zip((own, by_call), holds, strict=True):
        with ThreadPoolExecutor(1) as thread:
            thread.submit(kept.recordings.get, made.id).result()  # its connection is open by now
            with kept.db.begin():
                hold()
                waiting = thread.submit(kept.recordings.purge, made.id)
                time.sleep(0.5)  # it has come as far as it can
                assert not waiting.done()
            with pytest.raises(ConflictError, match="legal hold"):
                waiting.result()
        assert kept.recordings.get(made.id).name == made.name
        assert kept.blobs.exists(made.sha256)


def test_what_is_not_purged_in_the_end_keeps_its_file(kept: Kept) -> None:
    made = kept.recording(b"sound")
    with pytest.raises(ZeroDivisionError), kept.db.begin():
        assert kept.recordings.purge(made.id)
        raise ZeroDivisionError
    assert kept.recordings.get(made.id) == made
    assert kept.blobs.exists(made.sha256)


def test_a_file_that_could_not_go_is_unused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    made = kept.recording(b"sound")

    def stuck(_sha256: str) -> bool:
        raise StoreError("stuck")

    with monkeypatch.context() as broken:
        broken.setattr(kept.blobs, "delete", stuck)
        with pytest.raises(StoreError, match="stuck"):
            kept.recordings.purge(made.id)
    assert kept.recordings.list().items == ()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert list(kept.recordings.unused_files(tomorrow)) == [made.sha256]


def test_adding_and_purging_the_same_content_at_once_loses_none(kept: Kept) -> None:
    def one(k: int) -> bool:
        """Add a recording, purge every other one; gives whether this one is still there."""
        while True:
            try:
                made = kept.recording(b"sound", recording_id=f"r{k}")
                break
            except ConflictError:  # purged between put and add, and told so
                continue
        if k % 2:
            kept.recordings.purge(made.id)
        return not k % 2

    with ThreadPoolExecutor(6) as threads:
        left = sum(threads.map(one, range(24)))
    assert kept.recordings.list().total == left
    for made in kept.recordings.list().items:
        assert kept.blobs.exists(made.sha256)
        kept.recordings.purge(made.id)
    assert not kept.blobs.exists(made.sha256)


def test_who_adds_while_a_purge_deletes_waits_for_it(kept: Kept) -> None:
    made = kept.recording(b"sound")
    told: list[str] = []

    def add() -> None:
        try:
            kept.recordings.add(
                sha256=made.sha256,
                name="again",
                size_bytes=5,
                duration_s=1.0,
                rate_hz=8000,
                channels=1,
                codec="wav",
            )
        except ConflictError as error:
            told.append(str(error))

    with kept.db.begin():
        assert kept.recordings.purge(made.id)
        adder = threading.Thread(target=add)
        adder.start()
        adder.join(1)
        assert adder.is_alive()
    adder.join(60)
    # The file goes after the rows: whoever comes between keeps it, whoever comes later is told.
    assert names(kept) == ([] if told else ["again"])
    assert kept.blobs.exists(made.sha256) != bool(told)
    assert all("put it again" in each for each in told)


def test_files_that_no_recording_wants_go(kept: Kept, tmp_path: Path) -> None:
    made = kept.recording(b"wanted")
    orphan, _ = kept.blobs.put(io.BytesIO(b"orphan"))
    now = datetime.now(UTC)
    before = (now - timedelta(days=2)).timestamp()
    for path in (tmp_path / "blobs").glob("??/??/*"):
        os.utime(path, (before, before))
    fresh, _ = kept.blobs.put(io.BytesIO(b"fresh"))
    assert list(kept.recordings.unused_files(now - timedelta(days=1))) == [orphan]
    assert [kept.recordings.drop_unused_file(each) for each in (orphan, made.sha256)] == [
        True,
        False,
    ]
    assert not kept.blobs.exists(orphan)
    assert kept.blobs.exists(fresh)
    assert kept.blobs.exists(made.sha256)


def test_no_such_recording(kept: Kept) -> None:
    for step in (
        kept.recordings.get,
        kept.recordings.delete,
        kept.recordings.restore,
        kept.recordings.purge,
        lambda name: kept.recordings.hold(name, True),
        lambda name: kept.recordings.set_result(name, {}),
    ):
        with pytest.raises(NotFoundError):
            step("x")
