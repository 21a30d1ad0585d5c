"""The package as others install it: pinned, light, quick to import."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = ("torch", "matplotlib", "av", "pandas", "sklearn", "scipy", "onnx")


def plain(requirement: str) -> str:
    """The normalised name in a requirement (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {plain(name): version for name, version in pairs}


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_every_requirement_is_pinned(extra: str) -> None:
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    missing = {plain(requirement) for requirement in wanted} - pins().keys() - {"tonewatch"}
    assert not missing


def test_pins_name_no_build() -> None:
    # "2.13.0+cpu" would fit neither a CUDA build nor a plain index.
    assert [name for name, version in pins().items() if "+" in version] == []


def test_analysing_needs_no_torch() -> None:
    assert not {plain(requirement) for requirement in PROJECT["dependencies"]} & {"torch", "onnx"}


@pytest.mark.parametrize("module", ["tonewatch", "tonewatch.cli.main"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_no_module_is_over_400_lines() -> None:
    modules = [
        path for folder in ("src", "tests", "bench") for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    assert len(modules) > 300
    long = {str(path.relative_to(ROOT)): n for path in modules if (n := _lines(path)) > 400}
    assert not long, "split these by what they are about"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
