import os
import secrets
import stat
from pathlib import Path

import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.service.auth.secret import load_secret


def test_given_secret_is_taken_and_not_kept(tmp_path: Path) -> None:
    assert load_secret("0123456789abcdef", tmp_path) == "0123456789abcdef"
    assert list(tmp_path.iterdir()) == []


def test_made_once_for_us_alone(tmp_path: Path) -> None:
    secret = load_secret("", tmp_path)
    assert len(secret) == 64
    assert load_secret("", tmp_path) == secret
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_two_that_start_at_once_have_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = secrets.token_hex
    other: list[str] = []

    def token_hex(n: int) -> str:
        if not other:
            other.append("")  # the one that comes in between is not interrupted itself
            other[0] = load_secret("", tmp_path)
        return real(n)

    monkeypatch.setattr(secrets, "token_hex", token_hex)
    assert load_secret("", tmp_path) == other[0]
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_made_where_a_file_system_knows_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    secret = load_secret("", tmp_path)
    assert load_secret("", tmp_path) == secret
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("ha")
    with pytest.raises(SettingsError, match="at least 16 characters"):
        load_secret("", tmp_path)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TONEWATCH_DATA_DIR"):
        load_secret("", tmp_path / "none")
