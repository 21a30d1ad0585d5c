import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from store.kept import EMOTION, NOON, SHA, Kept, windows
from tonewatch.core.errors import (
    ConflictError,
    NotFoundError,
    SettingsError,
    StoreError,
    UnavailableError,
)
from tonewatch.store.calls import CallState
from tonewatch.store.retention import Policy, Swept

NEVER = Policy(
    audio_days=None, windows_days=None, calls_days=None, audit_days=None, deleted_days=None
)


@pytest.mark.parametrize(
    "values",
    [
        {"audio_days": -1},
        {"audio_days": "30"},
        {"windows_days": 1.5},
        {"calls_days": 10**6},
        {"audit_days": 182},
        {"video_days": 1},
    ],
)
def test_policies_that_cannot_be_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        Policy.from_dict(values)


def test_a_policy_survives_its_dictionary() -> None:
    policy = Policy(audio_days=None, windows_days=0, audit_days=184)
    assert Policy.from_dict(policy.to_dict()) == policy
    assert Policy.from_dict({}) == Policy()
    assert Policy.from_dict({"audit_days": 183}).audit_days == 184, "what was the least before"


def test_for_ever_is_for_ever(kept: Kept) -> None:
    kept.ended_call("c")
    kept.recordings.delete(kept.recording(b"sound").id)
    assert kept.retention.sweep(NEVER, NOON + timedelta(days=10_000)) == Swept()
    assert kept.audit.head().number == 0


def test_each_class_has_its_days(kept: Kept) -> None:
    kept.ended_call("c", caller="Grace")
    kept.recording(b"sound", call_id="c")
    kept.assessment("c")
    said, spotted = kept.said("c"), kept.spotted("c")
    kept.audit.append("Ada", "test", "call:c")
    policy = Policy(audio_days=10, windows_days=20, calls_days=30, audit_days=200)
    day = [kept.retention.sweep(policy, NOON + timedelta(days=d, seconds=1)) for d in (9, 10)]
    assert day == [Swept(), Swept(recordings=1)]
    assert kept.calls.windows("c") == windows(2)
    assert kept.transcripts.of("c") == said
    assert kept.transcripts.spotted("c") == spotted
    assert kept.retention.sweep(policy, NOON + timedelta(days=21)) == Swept(windows=6)
    assert kept.assessments.of("c") == ()
    assert kept.transcripts.of("c") == ()
    assert kept.transcripts.spotted("c") == ()
    assert kept.calls.get("c").metadata == {"caller": "Grace"}
    assert kept.retention.sweep(policy, NOON + timedelta(days=31)) == Swept(calls=1)
    assert kept.calls.get("c").erased_at == NOON
    n = kept.audit.head().number
    kept.clock.turn(days=201)
    assert kept.retention.sweep(policy) == Swept(audit=n)
    assert [entry.action for entry in kept.audit.list().items] == [
        "retention.swept",
        "audit.pruned",
    ]
    assert kept.audit.verify().ok


def test_a_deleted_recording_can_be_restored_so_long(kept: Kept) -> None:
    made = kept.recording(b"sound")
    kept.recordings.delete(made.id)
    policy = Policy(deleted_days=7)
    assert kept.retention.sweep(policy, NOON + timedelta(days=7)).recordings == 0
    kept.recordings.restore(made.id)
    kept.recordings.delete(made.id)
    assert kept.retention.sweep(policy, NOON + timedelta(days=8)).recordings == 1
    assert not kept.blobs.exists(made.sha256)
    with pytest.raises(NotFoundError):
        kept.recordings.restore(made.id)


def test_what_is_restored_while_the_sweep_goes_stays(kept: Kept) -> None:
    made = kept.recording(b"sound")
    kept.recordings.delete(made.id)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(kept.db.ping).result()  # its connection is open by now
        with kept.db.begin():
            kept.recordings.restore(made.id)
            sweep = thread.submit(
                kept.retention.sweep, Policy(audio_days=None), NOON + timedelta(days=8)
            )
            time.sleep(0.5)  # it has come as far as it can
            assert not sweep.done()
        assert sweep.result() == Swept()
    assert kept.recordings.get(made.id) == made
    assert kept.blobs.exists(made.sha256)


def test_legal_hold_stops_all_of_it(kept: Kept) -> None:
    kept.ended_call("held", caller="Grace")
    of_held = kept.recording(b"1", call_id="held")
    kept.ended_call("free")
    own = kept.recording(b"2", call_id="free")
    kept.recordings.hold(own.id, True)
    kept.calls.hold("held", True)
    shortest = Policy(audio_days=0, windows_days=0, calls_days=0, deleted_days=0)
    assert kept.retention.sweep(shortest, NOON + timedelta(days=99)) == Swept(windows=2)
    assert kept.calls.get("held").metadata == {"caller": "Grace"}
    assert kept.calls.windows("held") == windows(2)
    assert kept.calls.get("free").erased_at is None
    for made in (of_held, own):
        assert kept.recordings.get(made.id) == replace(made, legal_hold=True)
        assert kept.blobs.exists(made.sha256)
    for call_id in ("held", "free"):
        with pytest.raises(ConflictError, match="legal hold"):
            kept.retention.erase_call(call_id, actor="me")
    assert kept.calls.windows("held") == windows(2)
    kept.calls.hold("held", False)
    kept.recordings.hold(own.id, False)
    swept = kept.retention.sweep(shortest, NOON + timedelta(days=99))
    assert swept == Swept(recordings=2, windows=2, calls=2)


def test_a_sweep_that_is_cut_off_leaves_a_trace_of_what_went(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kept.recording(b"sound")
    kept.ended_call("c")
    kept.assessment("c")

    def away(*_: object) -> int:
        raise UnavailableError("away")

    monkeypatch.setattr(kept.retention, "_sweep_calls", away)
    with pytest.raises(UnavailableError):
        kept.retention.sweep(Policy(), NOON + timedelta(days=91), actor="Ada")
    windows, recording = kept.audit.list().items
    assert (recording.action, recording.actor) == ("recording.swept", "Ada")
    assert recording.subject == f"recording:{made.id}"
    assert (windows.action, windows.subject) == ("call.windows_swept", "call:c")
    assert windows.details["windows"] == 2


def test_what_cannot_be_told_does_not_go(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    made = kept.recording(b"sound")
    kept.ended_call("c")

    def stuck(*_: object) -> None:
        raise StoreError("stuck")

    monkeypatch.setattr(kept.audit, "append", stuck)
    shortest = Policy(audio_days=0, windows_days=0)
    with capture_logs() as logged:
        assert kept.retention.sweep(shortest, NOON + timedelta(days=1)) == Swept()
    assert [each["subject"] for each in logged] == [f"recording:{made.id}", "call:c"]
    assert kept.recordings.get(made.id) == made and kept.blobs.exists(made.sha256)
    assert len(kept.calls.windows("c")) == 2


def test_words_alone_have_their_days_too(kept: Kept) -> None:
    kept.call("c")
    kept.said("c")
    kept.calls.end("c", ended_at=NOON, reason="finished", duration_s=3.0)
    policy = Policy(windows_days=20)
    kept.retention.sweep(policy, NOON + timedelta(days=19))
    assert len(kept.transcripts.of("c")) == 2
    assert kept.retention.sweep(policy, NOON + timedelta(days=21)) == Swept(windows=2)
    assert kept.transcripts.of("c") == ()
    assert kept.audit.list().items[0].action == "retention.swept"


def test_spotted_phrases_alone_have_their_days_too(kept: Kept) -> None:
    kept.call("c")
    spotted = kept.spotted("c")
    kept.calls.end("c", ended_at=NOON, reason="finished", duration_s=3.0)
    policy = Policy(windows_days=20)
    kept.retention.sweep(policy, NOON + timedelta(days=19))
    assert kept.transcripts.spotted("c") == spotted
    assert kept.retention.sweep(policy, NOON + timedelta(days=21)) == Swept(windows=1)
    assert kept.transcripts.spotted("c") == ()
    assert kept.audit.list().items[0].action == "retention.swept"


def test_a_live_call_is_left_alone(kept: Kept) -> None:
    kept.call("c", caller="Grace")
    kept.calls.add_windows("c", windows(2))
    shortest = Policy(audio_days=0, windows_days=0, calls_days=0)
    assert kept.retention.sweep(shortest, NOON + timedelta(days=99)) == Swept()
    with pytest.raises(ConflictError, match="still live"):
        kept.retention.erase_call("c", actor="me")


def test_erasing_leaves_a_stub_without_content(kept: Kept) -> None:
    kept.ended_call("c", caller="Grace")
    kept.calls.warn("c", "clipped", "Grace was loud")
    kept.notes.add("c", "Ada", "Grace called")
    kept.decisions.add("c", "Ada", "check", "yes", "Grace asked")
    kept.assessment("c")
    kept.said("c")
    kept.spotted("c")
    shared, own = kept.recording(b"shared", call_id="c"), kept.recording(b"own", call_id="c")
    other = kept.recording(b"shared")
    kept.clock.turn(days=1)
    stub = kept.retention.erase_call("c", actor="Ada")
    assert stub == kept.calls.get("c")
    assert (stub.id, stub.started_at, stub.state) == ("c", NOON, CallState.ENDED)
    assert (stub.duration_s, stub.bundle_sha256) == (10.0, SHA)
    assert stub.erased_at == NOON + timedelta(days=1)
    assert (stub.metadata, stub.emotion, stub.warnings) == ({}, None, ())
    assert kept.calls.windows("c") == ()
    assert kept.notes.of("c") == ()
    assert kept.decisions.of("c") == ()
    assert kept.assessments.of("c") == ()
    assert kept.transcripts.of("c") == ()
    assert kept.transcripts.spotted("c") == ()
    assert kept.recordings.list().items == (other,)
    assert not kept.blobs.exists(own.sha256)
    assert kept.blobs.exists(shared.sha256)
    assert kept.calls.list(search="grace").total == 0
    assert kept.calls.list(label=str(EMOTION["label"])).total == 0
    (entry,) = kept.audit.list().items
    assert (entry.actor, entry.action, entry.subject) == ("Ada", "call.erased", "call:c")
    assert entry.details == {
        "recordings": 2,
        "windows": 2,
        "transcript": 2,
        "spotted": 1,
        "assessments": 1,
        "notes": 1,
        "decisions": 1,
    }
    assert kept.retention.erase_call("c", actor="Ada") == stub
    assert kept.audit.head().number == 1


def test_erasures_at_once_of_calls_that_share_files_do_not_wait_for_each_other_for_ever(
    kept: Kept,
) -> None:
    sounds = [bytes([number]) * 9 for number in range(8)]
    for call_id, order in (("there", sounds), ("back", sounds[::-1])):
        kept.ended_call(call_id)
        for sound in order:
            kept.recording(sound, call_id=call_id)
    with ThreadPoolExecutor(2) as pool:
        erased = list(
            pool.map(lambda each: kept.retention.erase_call(each, actor="Ada"), ["there", "back"])
        )
    assert all(stub.erased_at is not None for stub in erased)
    assert kept.recordings.list().total == 0


def test_an_erased_call_takes_nothing_new(kept: Kept) -> None:
    kept.ended_call("c")
    stub = kept.retention.erase_call("c", actor="Ada")
    for step in (
        lambda: kept.calls.add_windows("c", windows(1)),
        lambda: kept.notes.add("c", "Ada", "a"),
        lambda: kept.decisions.add("c", "Ada", "check", "yes"),
        lambda: kept.calls.warn("c", "clipped", ""),
        lambda: kept.said("c"),
        lambda: kept.recording(b"late", call_id="c"),
    ):
        with pytest.raises(ConflictError, match="erased"):
            step()
    kept.calls.end("c", ended_at=NOON, reason="error", duration_s=1.0, emotion=EMOTION)
    assert kept.calls.get("c") == stub


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # a server's files are not ours to read
def test_what_was_erased_is_not_in_the_file_either(kept: Kept) -> None:
    secret = "Grace-5f2c81"
    kept.ended_call("c", caller=secret)
    kept.notes.add("c", "Ada", secret * 3000)  # on pages of its own
    path = Path(str(kept.db.url.database))

    def held() -> bool:
        return any(
            secret.encode() in each.read_bytes() for each in path.parent.glob(f"{path.name}*")
        )

    assert held()
    kept.retention.erase_call("c", actor="Ada")
    assert not held()


def test_files_that_nobody_wants_are_swept(kept: Kept, tmp_path: Path) -> None:
    orphan, _ = kept.blobs.put(io.BytesIO(b"orphan"))
    before = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for path in (tmp_path / "blobs").glob("??/??/*"):
        os.utime(path, (before, before))
    kept.clock.now = datetime.now(UTC)
    assert kept.retention.sweep(NEVER) == Swept(files=1)
    assert not kept.blobs.exists(orphan)


def test_a_file_that_cannot_go_stops_nothing_else(kept: Kept, tmp_path: Path) -> None:
    stuck, free = kept.recording(b"stuck"), kept.recording(b"free")
    unwanted = [kept.blobs.put(io.BytesIO(content))[0] for content in (b"1", b"2", b"3")]
    kept.ended_call("c")
    before = (datetime.now(UTC) - timedelta(days=99)).timestamp()
    for path in (tmp_path / "blobs").glob("??/??/*"):
        if path.name in (stuck.sha256, min(unwanted)):
            path.unlink()
            (path / "in the way").mkdir(parents=True)
        os.utime(path, (before, before))
    shortest = Policy(audio_days=0, windows_days=0, calls_days=0)
    with capture_logs() as log:
        swept = kept.retention.sweep(shortest, datetime.now(UTC) + timedelta(days=1))
    assert swept == Swept(recordings=1, windows=2, calls=1, files=2)
    assert kept.recordings.list().items == ()
    assert not kept.blobs.exists(free.sha256)
    assert {(line["event"], line["subject"]) for line in log} == {
        ("sweep_stuck", f"recording:{stuck.id}"),
        ("sweep_stuck", f"file:{stuck.sha256}"),
        ("sweep_stuck", f"file:{min(unwanted)}"),
    }


def test_no_such_call(kept: Kept) -> None:
    with pytest.raises(NotFoundError):
        kept.retention.erase_call("x", actor="me")
