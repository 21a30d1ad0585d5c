import subprocess
import sys
from pathlib import Path

from tonewatch.service.live.folder import Folder, of_the_dead

_DIE = "import sys; from pathlib import Path; from tonewatch.service.live.folder import Folder; \
folder = Folder(Path(sys.argv[1])); folder.spool.mkdir()"


def test_only_folders_of_dead_processes_are_taken(tmp_path: Path) -> None:
    assert list(of_the_dead(tmp_path / "none")) == []
    mine = Folder(tmp_path / "mine")
    subprocess.run([sys.executable, "-c", _DIE, str(tmp_path / "theirs")], check=True, timeout=300)
    (left,) = of_the_dead(tmp_path)
    assert left.path.name == "theirs"
    assert left.spool.is_dir()
    assert list(of_the_dead(tmp_path)) == []  # it is held now
    left.remove()
    mine.release()
    (again,) = of_the_dead(tmp_path)
    assert again.path.name == "mine"
    again.remove()
    assert list(tmp_path.iterdir()) == []
