import numpy as np
import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.simulate.client import chunks, live_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8765", "ws://127.0.0.1:8765/api/v1/live"),
        ("https://calls.example/", "wss://calls.example/api/v1/live"),
        ("https://example/tonewatch", "wss://example/tonewatch/api/v1/live"),
        ("ws://host:1/api/v1/live", "ws://host:1/api/v1/live"),
        ("localhost:8765", "ws://localhost:8765/api/v1/live"),
    ],
)
def test_where_the_live_service_is(url: str, address: str) -> None:
    assert live_address(url) == address


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "/only/a/path"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(SettingsError, match=r"http://127\.0\.0\.1:8765"):
        live_address(url)


def test_audio_is_sent_interleaved_a_tenth_of_a_second_at_a_time() -> None:
    samples = np.stack([np.linspace(-1.5, 1.5, 4000), np.zeros(4000)], axis=1).astype(np.float32)
    sent = list(chunks(samples))
    assert [len(data) for data in sent] == [6400, 6400, 3200]
    whole = np.frombuffer(b"".join(sent), "<i2").reshape(-1, 2)
    assert not whole[:, 1].any()
    assert (whole[0, 0], whole[-1, 0]) == (-32768, 32767)
    np.testing.assert_allclose(whole[:, 0] / 32768, samples[:, 0].clip(-1, 1), atol=2**-15)
