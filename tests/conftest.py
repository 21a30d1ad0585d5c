"""Fixtures for all tests: real recordings, where there are some, voices and a small bundle."""

import os

# Before torch comes: a network as small as those of the tests only waits for a second thread.
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tiny_bundle import tiny_bundle as tiny_bundle
from voices import voices as voices

# How long an example takes is the machine's affair, which runs others beside it.
settings.register_profile("tonewatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tonewatch")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recordings for development, which the project does not ship; skips where they are not."""
    named = os.environ.get("TONEWATCH_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; name their folder in TONEWATCH_DATA")
    return folder
