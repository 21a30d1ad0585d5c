import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer

from tonewatch.cli.output import STDOUT, check_target, write
from tonewatch.core.errors import SettingsError


def test_a_file_or_standard_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "grün, and a name that is not UTF-8: \udcff\n"
    for target in (tmp_path / "out.json", STDOUT):
        check_target(target)
        write(target, text)
    expected = "grün, and a name that is not UTF-8: ?\n".encode()
    assert (tmp_path / "out.json").read_bytes() == expected
    assert capfdbinary.readouterr().out == expected


@pytest.mark.parametrize("where", ["", "none/out.json"])
def test_what_cannot_be_a_file_is_refused_before_and_told_after(where: str, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="a folder that exists"):
        check_target(tmp_path / where, "--json")
    with pytest.raises(SettingsError, match="choose another file"):
        write(tmp_path / where, "")
    check_target(None)


def test_a_target_is_a_file_of_its_own(tmp_path: Path) -> None:
    call, link, new = tmp_path / "call", tmp_path / "link", tmp_path / "new.json"
    call.touch()
    link.symlink_to(call)
    (tmp_path / "below").mkdir()
    for target, other in ((call, link), (link, call), (new, tmp_path / "below" / ".." / new.name)):
        with pytest.raises(typer.BadParameter, match="a file of its own"):
            check_target(target, others=[tmp_path / "other.wav", other])
    check_target(new, others=[call, link])
    check_target(STDOUT, others=[STDOUT])


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    write(old, "results of yesterday")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # as a disk that is full
    try:
        for target in (old, new):
            with pytest.raises(SettingsError, match="choose another file"):
                write(target, "x" * 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert old.read_text() == "results of yesterday"


def test_a_file_keeps_its_mode_and_a_link_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch(0o600)
    link.symlink_to(file)
    write(link, "results")
    assert link.is_symlink()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("results", 0o600)


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=write, args=(fifo, "results"))
    writer.start()
    assert fifo.read_text() == "results"
    writer.join()
    assert fifo.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["bundles"], ["gravity", "{lines}", "--json", "-"]])
def test_a_full_standard_output_is_told(arguments: list[str], tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("I cannot go on\n" * 100)
    command = [sys.executable, "-m", "tonewatch", *(each.format(lines=lines) for each in arguments)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("tonewatch: cannot write the standard output: No space left")
    assert done.stderr.count("\n") == 1
