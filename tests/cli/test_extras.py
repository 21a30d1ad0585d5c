import subprocess
import sys
from importlib import import_module

import pytest

from tonewatch.cli.extras import service_packages

WITHOUT_SQLALCHEMY = """
import sys
sys.modules["sqlalchemy"] = None
from typer.testing import CliRunner
from tonewatch.cli.main import app
for arguments in (["audit", "verify"], ["learn"], ["serve"]):
    came = CliRunner().invoke(app, arguments)
    assert came.exit_code == 2, came.output
    assert "sqlalchemy is not installed; `pip install 'tonewatch[service]'`" in came.stderr
"""


def test_a_missing_package_of_the_service_names_its_extra() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_SQLALCHEMY], check=True, timeout=300)


WITHOUT_WEBSOCKETS = """
import sys
sys.modules["websockets"] = None
from typer.testing import CliRunner
from tonewatch.cli.main import app
came = CliRunner().invoke(app, ["simulate", "--play", "http://127.0.0.1:9", "--key", "tw_x"])
assert came.exit_code == 2, came.output
assert "websockets" in came.stderr and "`pip install 'tonewatch[service]'`" in came.stderr
"""


def test_playing_calls_names_its_extra() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_WEBSOCKETS], check=True, timeout=300)


def test_a_missing_module_of_our_own_is_no_matter_of_extras() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such"), service_packages():
        import_module("tonewatch.no_such")
