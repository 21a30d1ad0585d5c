"""What happens to a recording: kept, then heard. Routes and the dashboard both go through here.

It checks no permission; who asks it has done so.
"""

import asyncio
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

from tonewatch.audio.decode import G711_EXTENSIONS
from tonewatch.call.roles import Role, scored
from tonewatch.service.intake import Taken
from tonewatch.service.problems import Refusal
from tonewatch.service.state import State
from tonewatch.store.recordings import Recording

_CHUNK = 1 << 20


async def keep(state: State, actor: str, name: str, file: BinaryIO) -> Recording:
    """Keep an uploaded file; where no audio is kept, hear it now and keep what was heard.

    Args:
        state: the service's.
        actor: who uploads.
        name: the file's name; nothing is ever opened by it.
        file: its content, from the beginning.

    Raises:
        AudioError: it cannot be heard.
        SettingsError: it is longer than recordings may be.
        Refusal: it is larger than uploads may be, or cannot be heard now.
    """
    name = Path(name.replace("\\", "/").replace("\0", "")).name[:200] or "recording"
    keeps = state.settings.keep_audio != "none"
    if not keeps:
        _refuse_while_off(state)
    # Bare G.711 has no header: its ending alone tells what it is.
    suffix = Path(name).suffix.lower()
    suffix = suffix if suffix in G711_EXTENSIONS else ""
    path = state.settings.data_dir / "incoming" / f"{secrets.token_hex(16)}{suffix}"
    try:
        await asyncio.to_thread(_write, file, path, state.settings.max_upload_mb * 10**6)
        taken = await state.detector.take(path, state.settings.max_duration_s, keeps)
        result = None if keeps else _result(state, name, await state.detector.hear(path))
        return await asyncio.to_thread(_add, state, actor, name, taken, result)
    finally:
        for leftover in (path, path.with_name(path.name + ".flac")):
            with suppress(FileNotFoundError):
                leftover.unlink()


async def hear(
    state: State,
    actor: str,
    recording_id: str,
    progress: Callable[[float], None] | None = None,
) -> Recording:
    """Hear a recording that is kept, and keep what was heard; `progress` as `Detector.hear`'s.

    Of a call the caller is heard and never the call-taker; an uploaded file as the mean of its
    channels.

    Raises:
        NotFoundError: there is no such recording.
        Refusal: the model is off, the audio was not kept, or only a call-taker is on it.
        AudioError: it cannot be heard.
    """
    await asyncio.to_thread(_refuse_while_off, state)
    recording = await asyncio.to_thread(state.recordings.get, recording_id)
    channel = await asyncio.to_thread(scored_channel, state, recording)
    path = state.settings.data_dir / "incoming" / secrets.token_hex(16)
    try:
        await asyncio.to_thread(_fetch, state, recording, path)
        heard = await state.detector.hear(path, channel=channel, progress=progress)
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
    result = _result(state, recording.name, heard)
    return await asyncio.to_thread(_set_result, state, actor, recording_id, result)


async def explain(
    state: State, actor: str, recording_id: str, start_s: float
) -> tuple[dict[str, Any], bytes]:
    """What the window of a recording from `start_s` rests on, and a picture of it; see `hear`.

    Raises:
        NotFoundError: there is no such recording.
        Refusal: the model is off, the audio was not kept, or only a call-taker is on it.
        AudioError: it cannot be heard.
        SettingsError: no window begins there.
    """
    await asyncio.to_thread(_refuse_while_off, state)
    recording = await asyncio.to_thread(state.recordings.get, recording_id)
    channel = await asyncio.to_thread(scored_channel, state, recording)
    path = state.settings.data_dir / "incoming" / secrets.token_hex(16)
    try:
        await asyncio.to_thread(_fetch, state, recording, path)
        found, picture = await state.detector.explain(path, start_s, channel)
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
    details = {key: found[key] for key in ("start_s", "end_s", "label", "probability")}
    await asyncio.to_thread(
        state.audit.append,
        actor,
        "recording.explained",
        f"recording:{recording_id}",
        details | {"bundle": state.bundle},
    )
    return found, picture


def scored_channel(state: State, recording: Recording) -> int | None:
    """The channel of a recording that may be judged; None for all of them, mixed.

    Of a call's channels that is the first one that is not a call-taker's.

    Raises:
        Refusal: a call-taker is on all of them.
    """
    if recording.call_id is None:
        return None
    roles = [Role(role) for role in state.calls.get(recording.call_id).channels]
    may = [channel for channel, role in enumerate(roles) if scored(role)]
    if not may:
        raise Refusal(
            409,
            "expected a caller on the recording, only a call-taker is, who is never judged; "
            "choose another recording",
            kind="nothing_scored",
        )
    return None if len(may) == len(roles) == 1 else may[0]


def open_audio(state: State, recording: Recording) -> BinaryIO:
    """The kept file of a recording.

    Raises:
        Refusal: it was not kept, or is gone.
    """
    if not state.blobs.exists(recording.sha256):
        raise Refusal(
            404,
            f"expected the audio of recording {recording.id}, it is not kept; what was heard is",
            kind="no_audio",
        )
    return state.blobs.open(recording.sha256)


def tell_shown(state: State, actor: str, recording: Recording) -> None:
    """Write into the audit that somebody sees a recording's result, where it has one."""
    result = recording.result
    if result is not None:
        state.shown.tell(
            actor,
            f"recording:{recording.id}",
            bundle=result["bundle"],
            emotion=result["emotion"],
            windows=result["timeline"],
        )


def _refuse_while_off(state: State) -> None:
    if not state.model_on:
        raise Refusal(
            409, "expected the model to be on, it is switched off; switch it on", kind="model_off"
        )


def _write(file: BinaryIO, path: Path, most_bytes: int) -> None:
    with path.open("xb") as out:
        while chunk := file.read(_CHUNK):
            if out.tell() + len(chunk) > most_bytes:
                raise Refusal(413, f"expected a file of at most {most_bytes} bytes, came more")
            out.write(chunk)


def _fetch(state: State, recording: Recording, path: Path) -> None:
    with open_audio(state, recording) as kept, path.open("xb") as out:
        shutil.copyfileobj(kept, out, _CHUNK)


def _result(state: State, name: str, heard: dict[str, Any]) -> dict[str, Any]:
    state.metrics.heard.labels("recording").inc(heard["duration_s"])
    detected_at = state.clock().isoformat()
    return heard | {"file": name, "bundle": state.bundle, "detected_at": detected_at}


def _add(
    state: State, actor: str, name: str, taken: Taken, result: dict[str, Any] | None
) -> Recording:
    keeps = result is None
    with taken.path.open("rb") as file:
        if keeps:
            sha256, size_bytes = state.blobs.put(file)
        else:
            sha256, size_bytes = file_digest(file, "sha256").hexdigest(), file.tell()
    with state.database.begin():
        recording = state.recordings.add(
            sha256=sha256,
            name=name,
            size_bytes=size_bytes,
            duration_s=taken.duration_s,
            rate_hz=taken.rate_hz,
            channels=taken.channels,
            codec=taken.codec,
            created_by=actor,
            with_file=keeps,
        )
        if result is not None:
            recording = state.recordings.set_result(recording.id, result)
        details = {"sha256": sha256, "duration_s": taken.duration_s, "audio_kept": keeps}
        state.audit.append(actor, "recording.added", f"recording:{recording.id}", details)
    return recording


def _set_result(state: State, actor: str, recording_id: str, result: dict[str, Any]) -> Recording:
    with state.database.begin():
        recording = state.recordings.set_result(recording_id, result)
        state.audit.append(
            actor, "recording.heard", f"recording:{recording_id}", {"bundle": result["bundle"]}
        )
        return recording
