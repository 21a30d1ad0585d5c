"""The loudness of a recording over its time, for a waveform: measured in a worker, remembered here.

The last few hundred are kept in memory only: on disk they would outlive the recording.
"""

import secrets
import shutil
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from tonewatch.service import shelf
from tonewatch.service.state import State
from tonewatch.store.recordings import Recording

_REMEMBERED = 300
_known: OrderedDict[str, list[float]] = OrderedDict()


async def outline_of(state: State, recording: Recording) -> list[float]:
    """The loudest sample of each of some hundred equal stretches, 0 to 1.

    Raises:
        AudioError: it cannot be heard.
        Refusal: its audio is not kept.
    """
    known = _known.get(recording.sha256)
    if known is None:
        path = state.settings.data_dir / "incoming" / secrets.token_hex(16)
        try:
            await run_in_threadpool(_fetch, state, recording, path)
            known = await state.detector.outline(path)
        finally:
            with suppress(FileNotFoundError):
                path.unlink()
        _known[recording.sha256] = known
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return known


def _fetch(state: State, recording: Recording, path: Path) -> None:
    with shelf.open_audio(state, recording) as kept, path.open("xb") as out:
        shutil.copyfileobj(kept, out, 1 << 20)
