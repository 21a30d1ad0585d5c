from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from service.running import Service, running
from tonewatch.service.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def log() -> Iterator[None]:
    """Structlog's own default draws each trace with all local values, which takes minutes here."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with small limits, for all tests of a module."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        max_upload_mb=2,
        max_duration_s=40,
        transcribe="off",
    )
    with running(settings) as service:
        yield service


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Service]:
    """A service of one test's own, just started for the first time."""
    with running(Settings(data_dir=tmp_path / "data", transcribe="off")) as service:
        yield service
