import re
from dataclasses import fields
from pathlib import Path

import pytest

from tonewatch.core.errors import SettingsError
from tonewatch.service.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_environment_overrides_defaults(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "TONEWATCH_DATA_DIR": str(tmp_path),
            "TONEWATCH_PORT": "9000",
            "TONEWATCH_DRAIN_S": "2.5",
            "TONEWATCH_KEEP_AUDIO": "none",
            "TONEWATCH_HOST": "",
            "PORT": "1",
        }
    )
    assert settings == Settings(data_dir=tmp_path, port=9000, drain_s=2.5, keep_audio="none")
    assert settings.database == f"sqlite:///{tmp_path}/tonewatch.db"
    assert settings.url == "http://127.0.0.1:9000"


def test_home_is_filled_in() -> None:
    settings = Settings.from_environment({"TONEWATCH_DATA_DIR": "~/calls"})
    assert settings.data_dir == Path.home() / "calls"


def test_public_url_goes_before_the_address() -> None:
    assert Settings(public_url="https://calls.example/").url == "https://calls.example"
    assert Settings(host="::1").url == "http://[::1]:8765"


def test_proxies_are_addresses_and_networks() -> None:
    assert Settings().believed == ["127.0.0.1", "::1"]
    assert Settings(proxies="10.1.0.0/16, fd00::/8,").believed == ["10.1.0.0/16", "fd00::/8"]


def test_changes_that_are_none_change_nothing() -> None:
    assert Settings().changed(host=None, port=0) == Settings(port=0)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "many", "a number"),
        ("PORT", "-1", "a positive TONEWATCH_PORT"),
        ("MAX_CALLS", "0", "a positive TONEWATCH_MAX_CALLS"),
        ("DRAIN_S", "nan", "a positive TONEWATCH_DRAIN_S"),
        ("KEEP_AUDIO", "mp3", "flac, none"),
        ("SECRET", "short", "at least 16 characters, came 5"),
        ("PROXIES", "10.0.0.0/8,proxy.example", "TONEWATCH_PROXIES as addresses"),
    ],
)
def test_wrong_values_are_refused(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        Settings.from_environment({PREFIX + name: value})


def test_secret_is_not_printed() -> None:
    assert "correct horse" not in repr(Settings(secret="correct horse battery"))


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `(TONEWATCH_\w+)` \| (.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == [PREFIX + f.name.upper() for f in fields(Settings)]
    defaults = {f.name: getattr(Settings(), f.name) for f in fields(Settings)}
    for name, told in rows:
        default = defaults[name.removeprefix(PREFIX).lower()]
        if isinstance(default, int | float):
            assert told == f"{default:g}" if isinstance(default, float) else str(default), name
