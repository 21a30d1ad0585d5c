import csv
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tonewatch import analyze
from tonewatch.cli.chart import clock
from tonewatch.cli.main import app
from tonewatch.core.labels import SCHEMES

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good recordings, one of them silent, a bad one, a hidden file and a text."""
    home = tmp_path_factory.mktemp("audio")
    (home / "below").mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(home / "a <b> $x$ [red].wav", 0.2 * rng.standard_normal(5 * RATE_HZ), RATE_HZ)
    soundfile.write(home / "below" / "silent.wav", np.zeros(2 * RATE_HZ), RATE_HZ)
    (home / "below" / "bad.wav").write_text("no audio at all, whatever its name says")
    (home / ".hidden.wav").write_text("not to be looked at")
    (home / "below" / "notes.txt").write_text("nor this, as its name says")
    return home


def run(bundle: Path, *args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["analyze", "--bundle", str(bundle), *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def assert_same(one: tuple[int, str, str], other: tuple[int, str, str]) -> None:
    """The same answers; workers have one thread, whose sums end a last bit apart."""
    shapes, numbers = [], []
    for code, out, _ in (one, other):
        found: list[str] = []
        shapes.append((code, json.loads(out, parse_float=found.append)))
        numbers.append([float(digits) for digits in found])
    assert shapes[0] == shapes[1]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-6)


def test_json_alone_on_stdout(tiny_bundle: Path, folder: Path) -> None:
    code, out, _ = run(tiny_bundle, folder, "--json", "-")
    content = json.loads(out)
    assert code == 1
    assert list(content) == ["bundle", "files"]
    assert list(content["bundle"]) == ["name", "version", "sha256", "labels"]
    assert content["bundle"]["labels"] == list(SCHEMES["ravdess8"].labels)
    good, bad, silent = content["files"]
    assert good == analyze(good["file"], bundle=tiny_bundle).to_dict()
    assert len(good["timeline"]) == 3
    assert (list(bad), bad["error"]["kind"]) == (["file", "error"], "not_audio")
    assert (silent["emotion"], silent["timeline"]) == (None, [])
    assert [Path(f["file"]).name for f in content["files"]][1:] == ["bad.wav", "silent.wav"]


def test_jobs_change_nothing(tiny_bundle: Path, folder: Path) -> None:
    several = run(tiny_bundle, folder, "--json", "-", "--jobs", 2)
    assert_same(several, run(tiny_bundle, folder, "--json", "-"))


def test_table_names_all(tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    code, out, _ = run(tiny_bundle, folder, "--csv", tmp_path / "w.csv")
    assert code == 1
    assert "no speech" in out and "not_audio" in out and "failed" in out
    rows = list(csv.DictReader((tmp_path / "w.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["start_s"] for row in rows] == ["0.0", "1.0", "2.0"]
    probabilities = [float(rows[0][f"p_{label}"]) for label in SCHEMES["ravdess8"].labels]
    assert sum(probabilities) == pytest.approx(1)


def test_the_legend_of_a_silent_recording_has_no_letters(
    tiny_bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = run(tiny_bundle, folder / "below" / "silent.wav")[1]
    assert "over time: · no speech" in out


def test_all_good_is_zero(tiny_bundle: Path, folder: Path) -> None:
    code, out, _ = run(tiny_bundle, folder / "below" / "silent.wav", "--window", 1, "--hop", 0.5)
    assert code == 0
    assert "no speech" in out


def test_lengths_that_are_rounded_are_told(tiny_bundle: Path, folder: Path) -> None:
    silent = folder / "below" / "silent.wav"
    code, out, told = run(tiny_bundle, silent, "--hop", 0.3, "--window", 1, "--json", "-")
    assert (code, told) == (0, "tonewatch: --hop 0.3 becomes 0.32 s, in whole steps of 0.04 s\n")
    assert json.loads(out)
    assert run(tiny_bundle, silent, "--hop", 0.28, "--window", 1.4)[2] == ""


def test_a_file_that_is_not_there_does_not_stop_others(tiny_bundle: Path, folder: Path) -> None:
    good = folder / "below" / "silent.wav"
    code, out, _ = run(tiny_bundle, folder / "none.wav", good, "--json", "-")
    missing, heard = json.loads(out)["files"]
    assert (code, missing["error"]["kind"], heard["emotion"]) == (1, "not_found", None)


def test_folders_give_audio_by_name_and_names_alone_give_anything(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    tone = (0.2 * np.sin(np.arange(RATE_HZ))).astype(np.float32)
    soundfile.write(tmp_path / "A.WAV", tone, RATE_HZ)
    soundfile.write(tmp_path / "unnamed", tone, RATE_HZ, format="WAV")
    (tmp_path / "line.ulaw").write_bytes(bytes(range(256)) * 32)
    code, out, _ = run(tiny_bundle, tmp_path, tmp_path / "unnamed", tmp_path, "--json", "-")
    assert code == 0
    names = [Path(file["file"]).name for file in json.loads(out)["files"]]
    assert names == ["A.WAV", "line.ulaw", "unnamed"]


def test_a_folder_that_cannot_be_read_is_told(
    tiny_bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def shut(path: str) -> object:
        if Path(path).name == "below":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", shut)
    code, out, _ = run(tiny_bundle, folder, "--json", "-")
    heard, below = json.loads(out)["files"]
    assert code == 1 and heard["emotion"] is not None
    assert below["file"] == str(folder / "below") and "error" in below


def test_names_that_are_no_utf8_are_printed(tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    name = os.fsdecode(str(tmp_path).encode() + b"/sad/d\xff.wav")
    try:
        Path(name).write_text("no audio")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    line = [sys.executable, "-m", "tonewatch", "corpora", f"mine:folders={tmp_path}"]
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    told = subprocess.run(line, capture_output=True, env=strict, check=False)
    assert b"d?.wav" in told.stdout + told.stderr and b"Traceback" not in told.stderr


@contextmanager
def ending_processes(*, once: bool) -> Iterator[None]:
    """Kill both processes as soon as there are two, and unless `once` every later one."""
    stop = threading.Event()

    def watch() -> None:
        wanted = 2
        while not stop.wait(0.01):
            if len(children := multiprocessing.active_children()) >= wanted:
                for process in children:
                    process.kill()
                if once:
                    return
                wanted = 1

    killer = threading.Thread(target=watch)
    killer.start()
    try:
        yield
    finally:
        stop.set()
        killer.join()


def test_a_process_that_ends_is_the_error_of_its_file(tiny_bundle: Path, folder: Path) -> None:
    files = sorted((folder / "below").glob("*.wav"))
    with ending_processes(once=False):
        code, out, _ = run(tiny_bundle, *files, "--json", "-", "--jobs", 2)
    errors = [file["error"] for file in json.loads(out)["files"]]
    assert code == 1
    assert [error["kind"] for error in errors] == ["worker"] * 2
    assert "--jobs 1" in errors[0]["message"]


def test_a_process_that_ends_once_costs_no_file(tiny_bundle: Path, folder: Path) -> None:
    with ending_processes(once=True):
        came = run(tiny_bundle, folder, "--json", "-", "--jobs", 2)
    assert_same(came, run(tiny_bundle, folder, "--json", "-"))


@pytest.mark.parametrize(
    "wrong",
    [
        ["--window", "1", "--hop", "2"],
        ["--channel", "left"],
        ["--channel", "-1"],
        ["--jobs", "0"],
        ["--json", "no/such/folder/x.json"],
        ["--json", "-", "--csv", "-"],
        ["--plot", "-"],
        ["--bundle", "none"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_is_two(tiny_bundle: Path, folder: Path, wrong: list[str]) -> None:
    code, out, err = run(tiny_bundle, folder, *wrong)
    assert code == 2
    assert out == "" and err


def test_no_path_and_empty_folder_are_wrong_usage(tiny_bundle: Path, tmp_path: Path) -> None:
    assert run(tiny_bundle)[0] == 2
    assert run(tiny_bundle, tmp_path)[0] == 2


def test_channel_that_is_not_there_is_the_files_error(tiny_bundle: Path, folder: Path) -> None:
    code, out, _ = run(tiny_bundle, folder / "below" / "silent.wav", "--channel", 3, "--json", "-")
    assert code == 1
    assert json.loads(out)["files"][0]["error"]["kind"] == "channel"


class Page(HTMLParser):
    """Notes tags that stay open, and what the page would load."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [v or "" for k, v in attrs if k in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)


def test_page_is_whole_and_needs_nothing_else(
    tiny_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    assert run(tiny_bundle, folder, "--html", tmp_path / "r.html")[0] == 1
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert len(page.loads) == 4  # two players, two links within the page
    assert all(load.startswith(("data:audio/", "#r")) for load in page.loads)
    assert {f'id="{load[1:]}"' in text for load in page.loads if load[0] == "#"} == {True}
    assert "<b>" not in text and "a &lt;b&gt;" in text
    assert "lie detector" in text and "not_audio" in text and "Random weights &amp;" in text
    windows = json.loads(page.scripts[0])["windows"]
    assert [w["end"] for w in windows] == [3.0, 4.0, 5.0]


def test_page_of_a_channel_plays_that_channel(
    tiny_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    path = folder / "below" / "silent.wav"
    assert run(tiny_bundle, path, "--channel", 0, "--html", tmp_path / "r.html")[0] == 0
    assert "data:audio/mpeg;base64," in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_page_holds_so_much_and_links_the_rest(
    tiny_bundle: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonewatch.cli.page._MAX_INSIDE_BYTES", 170_000)  # the first has 160 kB
    run(tiny_bundle, folder, "--html", tmp_path / "r.html")
    page = Page()
    page.feed((tmp_path / "r.html").read_text(encoding="utf-8"))
    players = [load for load in page.loads if not load.startswith("#")]
    assert players[0].startswith("data:audio/wav") and players[1].endswith("/silent.wav")


@pytest.mark.parametrize(
    ("time_s", "told"),
    [(7.96, "0:08.0"), (59.96, "1:00.0"), (7.04, "0:07.0"), (3723.5, "1:02:03.5")],
)
def test_tenths_of_a_second_carry(time_s: float, told: str) -> None:
    assert clock(time_s, 0.1) == told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here that is always full")
def test_a_picture_that_cannot_be_written_is_told(tiny_bundle: Path, folder: Path) -> None:
    code, _, told = run(tiny_bundle, folder, "--plot", "/dev/full")
    assert code == 2 and "expected to write /dev/full" in told


def test_plot_is_a_picture(tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    run(tiny_bundle, folder, "--plot", tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_where_nothing_could_be_heard_the_reason_is_told_and_nothing_drawn(
    tiny_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    bad, drawn = folder / "below" / "bad.wav", tmp_path / "p.png"
    code, out, _ = run(tiny_bundle, bad, "--plot", drawn)
    assert (code, "bad.wav" in out, drawn.exists()) == (1, True, False)


def test_more_than_a_picture_holds_is_refused_before_any_is_heard(
    tiny_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    silent = (folder / "below" / "silent.wav").read_bytes()
    files = [tmp_path / f"{number}.wav" for number in range(13)]
    for file in files:
        file.write_bytes(silent)
    code, out, err = run(tiny_bundle, *files, "--plot", tmp_path / "p.png")
    assert (code, "at most 12" in err, out) == (2, True, "")


def test_nothing_heavy_is_imported(tiny_bundle: Path, folder: Path) -> None:
    heavy = ("torch", "matplotlib", "av", "pandas", "sklearn", "scipy", "onnx", "multiprocessing")
    file = folder / "below" / "silent.wav"
    code = (
        "import sys; from tonewatch.cli.main import app\n"
        f"args = ['analyze', {str(file)!r}, '--bundle', {str(tiny_bundle)!r}]\n"
        "app(args, standalone_mode=False)\n"
        f"print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr.split() == []


def test_linear_algebra_has_one_thread_unless_asked_otherwise(
    tiny_bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "below" / "silent.wav"
    code = (
        "import sys; from tonewatch.cli.main import app\n"
        f"args = ['analyze', {str(file)!r}, '--bundle', {str(tiny_bundle)!r}]\n"
        "app(args, standalone_mode=False)\n"
        "from threadpoolctl import threadpool_info\n"
        "blas = [each for each in threadpool_info() if each['internal_api'] == 'openblas']\n"
        "print(*(each['num_threads'] for each in blas), file=sys.stderr)"
    )
    told = []
    for asked in (None, "2"):
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
        if asked is not None:
            monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        told.append(done.stderr.split())
    if not told[0]:
        pytest.skip("this NumPy does not use OpenBLAS")
    assert set(told[0]) == {"1"}
    assert os.cpu_count() == 1 or set(told[1]) == {"2"}


def test_help_has_examples() -> None:
    for command in ("analyze", "bundles"):
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert f"tonewatch {command}" in result.stdout
