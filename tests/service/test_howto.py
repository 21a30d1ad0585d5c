"""The client of the howto, as it stands there, against a service that is not there at first."""

import asyncio
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from service.running import Service
from store.proxy import Proxy
from tonewatch.service.auth.permissions import Permission
from tonewatch.store.users import UserRole

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "live.md"


def test_the_client_waits_for_a_service_that_refuses_it_at_first(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```text\n(import asyncio.*?)```", HOWTO.read_text("utf-8"), re.DOTALL)
    code: dict[str, Any] = {}
    exec(compile(block.rpartition("asyncio.run")[0], str(HOWTO), "exec"), code)
    soundfile.write(tmp_path / "call.wav", np.zeros(16_000, np.int16), 16_000)
    _, secret = service.state.keys.create(
        "howto", [Permission.CALLS_LIVE], service.user(UserRole.SUPERVISOR).id, None
    )
    proxy = Proxy("127.0.0.1", int(service.url.rpartition(":")[2]))
    proxy.take_away()
    back = threading.Timer(0.5, proxy.bring_back)
    back.start()
    try:
        url = f"ws://127.0.0.1:{proxy.port}/api/v1/live"
        asyncio.run(asyncio.wait_for(code["send"](url, secret, tmp_path / "call.wav"), 120))
    finally:
        back.join()
        proxy.take_away()
    assert "'call_ended'" in capsys.readouterr().out
