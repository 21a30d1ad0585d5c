import csv
import io
import json
import zipfile
from hashlib import sha256

import pytest

from store.kept import EMOTION, NOON, Kept, windows
from tonewatch.core.errors import NotFoundError


def export(kept: Kept, call_id: str, *, scores: bool = True) -> dict[str, bytes]:
    with kept.export.export_call(call_id, scores=scores) as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_of_one_call_and_of_no_other(kept: Kept) -> None:
    kept.ended_call("c", caller="Jürgen")
    kept.ended_call("other", caller="Grace")
    kept.notes.add("c", "Ada", "a note")
    kept.decisions.add("c", "Ada", "check", "yes", "because")
    kept.assessment("c")
    kept.said("c")
    kept.spotted("c")
    made = kept.recording(b"sound", name="../../evil.sh", call_id="c")
    made = kept.recordings.set_result(made.id, {"emotion": EMOTION})
    kept.recording(b"other", call_id="other")
    kept.audit.append("Ada", "call.read", "call:c")
    kept.audit.append("Ada", "recording.read", f"recording:{made.id}")
    kept.audit.append("Ada", "call.read", "call:other")
    files = export(kept, "c")
    assert set(files) == {
        "call.json",
        "timeline.csv",
        "timeline.json",
        "transcript.csv",
        "transcript.json",
        "spotted.json",
        "assessments.json",
        "notes.json",
        "decisions.json",
        "recordings.json",
        "audit.json",
        f"audio/{made.id}.flac",
        "SHA256SUMS",
    }
    read = {name: json.loads(files[name]) for name in files if name.endswith(".json")}
    assert read["call.json"]["metadata"] == {"caller": "Jürgen"}
    assert read["call.json"]["started_at"] == NOON.isoformat()
    assert read["call.json"]["emotion"] == EMOTION
    assert [window["start_s"] for window in read["timeline.json"]] == [0.0, 1.0]
    assert read["notes.json"][0]["text"] == "a note"
    assert read["decisions.json"][0]["reason"] == "because"
    assert read["assessments.json"][0]["band"] == "high"
    assert [word["text"] for word in read["transcript.json"][0]["words"]] == ["my", "mother"]
    assert [each["phrase"] for each in read["spotted.json"]] == ["not breathing"]
    assert files["transcript.csv"].decode().splitlines() == [
        "channel,start_s,end_s,recognised,text",
        "0,1.0,1.6,True,my mother",
        "0,2.0,3.0,False,",
    ]
    (recording,) = read["recordings.json"]
    assert (recording["id"], recording["name"]) == (made.id, "../../evil.sh")
    assert recording["result"] == {"emotion": EMOTION}
    assert [entry["number"] for entry in read["audit.json"]] == [1, 2]
    assert read["audit.json"][0]["hash"] == kept.audit.list(action="call.read").items[-1].hash
    assert files[f"audio/{made.id}.flac"] == b"sound"
    assert b"Grace" not in b"".join(files.values())


def test_without_scores_nothing_of_triage(kept: Kept) -> None:
    kept.ended_call("c")
    kept.assessment("c")
    kept.decisions.add("c", "Ada", "urgency", "low", "because", {"band": "high"})
    for scores in (True, False):
        files = export(kept, "c", scores=scores)
        (decision,) = json.loads(files["decisions.json"])
        assert (decision["value"], decision["reason"]) == ("low", "because")
        assert decision["shown"] == ({"band": "high"} if scores else None)
        assert bool(json.loads(files["assessments.json"])) is scores


def test_the_timeline_as_a_table(kept: Kept) -> None:
    kept.call("c")
    kept.calls.add_windows("c", windows(3))
    rows = list(csv.DictReader(io.StringIO(export(kept, "c")["timeline.csv"].decode())))
    assert rows[0] == {
        "channel": "0",
        "start_s": "0.0",
        "end_s": "3.0",
        "label": "fear",
        "confidence": repr(0.1 + 0.2),
        "certain": "True",
        "speech_s": "2.96",
        "p_fear": "0.3",
    }
    assert (rows[2]["label"], rows[2]["p_fear"]) == ("", "")


def test_the_sums_are_those_of_the_files(kept: Kept) -> None:
    kept.ended_call("c")
    kept.recording(b"sound" * 500_000, call_id="c", codec="pcm_s16le")
    files = export(kept, "c")
    lines = files.pop("SHA256SUMS").decode().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums == {name: sha256(content).hexdigest() for name, content in files.items()}


def test_a_stub_can_be_exported(kept: Kept) -> None:
    kept.ended_call("c", caller="Grace")
    kept.retention.erase_call("c", actor="Ada")
    files = export(kept, "c")
    assert b"Grace" not in b"".join(files.values())
    assert json.loads(files["audit.json"])[0]["action"] == "call.erased"


def test_of_deleted_recordings_only_the_sound_is_not_in_it(kept: Kept) -> None:
    kept.ended_call("c")
    made = kept.recording(b"sound", call_id="c")
    kept.recordings.delete(made.id)
    kept.audit.append("Ada", "recording.deleted", f"recording:{made.id}")
    files = export(kept, "c")
    assert not any(name.startswith("audio/") for name in files)
    (recording,) = json.loads(files["recordings.json"])
    assert (recording["id"], recording["deleted_at"]) == (made.id, NOON.isoformat())
    assert [entry["action"] for entry in json.loads(files["audit.json"])] == ["recording.deleted"]


def test_no_such_call(kept: Kept) -> None:
    with pytest.raises(NotFoundError):
        kept.export.export_call("x")
