"""Damaged files end in samples or in one of our errors: no traceback, no hang, no great memory."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from audio.recordings import PYAV_FORMATS, SOUNDFILE_FORMATS, speech_like, write

CORRUPTIONS = 500
MAX_MIB = 500
MAX_FILE_S = 5.0

# Decodes each file named on its input, as analysing does, and tells what came of it.
CHILD = """
import json, resource, signal, sys, time
from pathlib import Path
import numpy as np
from tonewatch.audio.decode import stream_16k
from tonewatch.core.errors import TonewatchError
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
for path in sys.stdin.read().splitlines():
    signal.alarm(20)  # a hang inside a library ends the process
    began, count = time.monotonic(), 0
    print(json.dumps(path), end=" ", flush=True)
    try:
        for block in stream_16k(path):
            assert block.dtype == np.float32 and np.isfinite(block).all(), path
            count += block.size
        came = "samples"
        assert count, path
    except TonewatchError as error:
        came = error.kind
        assert "expected" in str(error), error
    print(json.dumps([came, time.monotonic() - began]), flush=True)
status = Path("/proc/self/status")
if status.exists():
    # Linux counts in ru_maxrss what the parent held when it forked.
    lines = status.read_text().splitlines()
    used_kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
else:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used_kib = used / (1 << 10 if sys.platform == "darwin" else 1)
print(used_kib / (1 << 10))
"""


def corrupted(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut out or off, or splice bytes in; half of the damage falls on the header."""
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        reach = max(1, min(len(damaged), 256) if rng.random() < 0.5 else len(damaged))
        at = int(rng.integers(reach))
        length = int(rng.integers(1, 1 + max(1, len(damaged) // 4)))
        match rng.integers(6):
            case 0:
                for place in at + rng.integers(0, 64, size=int(rng.integers(1, 9))):
                    if place < len(damaged):
                        damaged[place] ^= 1 << int(rng.integers(8))
            case 1:
                damaged[at : at + int(rng.integers(1, 9))] = rng.bytes(8)
            case 2:
                del damaged[at:]
            case 3:
                del damaged[at : at + length]
            case 4:
                start = int(rng.integers(max(1, len(other))))
                damaged[at:at] = other[start : start + length]
            case _:
                damaged[at : at + length] = rng.bytes(length)
    return bytes(damaged)


def decode_in_a_child(paths: Sequence[Path]) -> Counter[str]:
    pytest.importorskip("resource", reason="needs Unix to limit memory")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-300:] + ran.stderr[-3_000:]
    assert ran.stderr == ""
    *lines, used_mib = ran.stdout.splitlines()
    assert len(lines) == len(paths)
    assert float(used_mib) < MAX_MIB
    outcomes: Counter[str] = Counter()
    for line in lines:
        path, at = json.JSONDecoder().raw_decode(line)
        came, took_s = json.loads(line[at:])
        assert took_s < MAX_FILE_S, path
        outcomes[came] += 1
    return outcomes


def damage(whole: Sequence[bytes], count: int, folder: Path, seed: int) -> list[Path]:
    rng = np.random.default_rng(seed)
    paths = []
    for i in range(count):
        path = folder / f"{i}.bin"
        other = whole[int(rng.integers(len(whole)))]
        path.write_bytes(corrupted(whole[i % len(whole)], other, rng))
        paths.append(path)
    return paths


def test_made_recordings(tmp_path: Path) -> None:
    whole = []
    for ending in [*SOUNDFILE_FORMATS, *PYAV_FORMATS]:
        rate_hz = {"opus": 48_000, "webm": 48_000, "amr": 8_000}.get(ending, 16_000)
        path = write(tmp_path / f"a.{ending}", speech_like(1.5, rate_hz), rate_hz)
        whole.append(path.read_bytes())
    outcomes = decode_in_a_child(damage(whole, CORRUPTIONS, tmp_path, seed=7))
    assert outcomes["samples"] > CORRUPTIONS / 20
    assert outcomes["truncated"] > CORRUPTIONS / 20
    assert outcomes["not_audio"] > 0


def test_real_recordings(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "formats").iterdir())
    for folder in ("ravdess", "ravdess_song", "librispeech", "noise"):
        files += sorted(p for p in (shared_data / folder).rglob("*") if p.is_file())[:2]
    outcomes = decode_in_a_child(
        damage([path.read_bytes() for path in files], 100, tmp_path, seed=11)
    )
    assert outcomes["samples"] > 0
    assert outcomes["truncated"] > 0
