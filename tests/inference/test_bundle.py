import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonewatch.core.errors import BundleError
from tonewatch.inference.bundle import (
    BundleInfo,
    installed_bundles,
    is_bundle,
    load_bundle,
    write_bundle,
)

Json = dict[str, Any]


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def change(folder: Path, how: Callable[[Json], object]) -> None:
    path = folder / "bundle.json"
    table = json.loads(path.read_text())
    how(table)
    path.write_text(json.dumps(table))


def test_folder_and_zip_are_the_same_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    for prefix in ("", "tiny/"):
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            for file in tiny_bundle.iterdir():
                archive.write(file, prefix + file.name)
        assert load_bundle(tmp_path / "b.zip") == bundle
        assert is_bundle(tmp_path / "b.zip")


def test_other_folders_and_zips_are_no_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "checkpoint.pt", "w") as archive:
        archive.writestr("checkpoint/data.pkl", b"")
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    for other in (tmp_path, tmp_path / "checkpoint.pt", tmp_path / "nowhere"):
        assert not is_bundle(other)
    assert is_bundle(tmp_path / "bundle")
    assert is_bundle("voice")


def test_written_and_read_again(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = load_bundle(str(tiny_bundle))
    write_bundle(bundle, tmp_path / "again")
    assert load_bundle(tmp_path / "again") == bundle


def test_hash_names_weights_and_settings_but_not_layout(copy: Path) -> None:
    bundle = load_bundle(copy)
    path = copy / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True))
    assert load_bundle(copy).sha256 == bundle.sha256
    change(copy, lambda t: t["calibration"].update(temperature=1.5))
    assert load_bundle(copy).sha256 != bundle.sha256


def test_damaged_weights_are_refused(copy: Path) -> None:
    model = bytearray((copy / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (copy / "model.onnx").write_bytes(model)
    with pytest.raises(BundleError, match="hash"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (lambda t: t.update(format_version=2), "format_version 1, came 2"),
        (lambda t: t.update(kind="window"), "kind"),
        (lambda t: t.update(labels=["sad"]), "two or more"),
        (lambda t: t.update(labels=["sad", "sad"]), "two or more"),
        (lambda t: t.update(labels=["sad", "drunk"]), "drunk"),
        (lambda t: t.update(labels="sad"), "labels: expected a list"),
        (lambda t: t.update(hop_s="1"), "hop_s: expected float"),
        (lambda t: t.update(embedding_size=1.5), "embedding_size: expected int"),
        (lambda t: t.update(speech=[]), "speech: expected an object"),
        (lambda t: t.update(novelty=1), "novelty"),
        (lambda t: t.pop("features"), "features"),
        (lambda t: t["features"].update(hop_samples=0), "hop_samples"),
        (lambda t: t["calibration"].update(temperature=0), "temperature"),
        (lambda t: t["calibration"].update(bias=[0.1]), "bias"),
        (lambda t: t["speech"].update(threshold_on=7), "threshold_on"),
    ],
)
def test_what_does_not_fit_is_named(copy: Path, how: Callable[[Json], object], says: str) -> None:
    change(copy, how)
    with pytest.raises(BundleError, match=says):
        load_bundle(copy)


def test_a_bundle_of_before_there_were_pitches_hears_none(copy: Path) -> None:
    change(copy, lambda t: [t["features"].pop(key) for key in ("n_pitches", "pitch_samples")])
    features = load_bundle(copy).info.features
    assert (features.n_pitches, features.n_features, features.reach_samples) == (0, 64, 400)


@pytest.mark.parametrize("name", ["bundle.json", "model.onnx"])
def test_missing_files_are_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        load_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null"])
def test_bundle_json_that_is_none(copy: Path, content: bytes) -> None:
    (copy / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError):
        load_bundle(copy)


def test_what_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="tonewatch bundles"):
        load_bundle("no such bundle")
    (tmp_path / "text.zip").write_text("PK no zip")
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "text.zip")
    with pytest.raises(BundleError, match="tonewatch bundles"):
        load_bundle("x" * 300)


def test_a_bundle_whose_files_cannot_be_read(copy: Path) -> None:
    (copy / "bundle.json").unlink()
    (copy / "bundle.json").mkdir()
    with pytest.raises(BundleError, match="files that can be read"):
        load_bundle(copy)


@pytest.mark.parametrize("rubbish", [bytes(40), b"\xff" * 40])
def test_damaged_zip(tiny_bundle: Path, tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in tiny_bundle.iterdir():
            archive.write(file, file.name)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = 30 + len(archive.infolist()[0].filename)  # where its first file's content begins
    content[at : at + 40] = rubbish
    path.write_bytes(content)
    for read in (load_bundle, is_bundle):
        with pytest.raises(BundleError):
            read(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(list(BundleInfo.__dataclass_fields__)), json_values)
def test_any_value_gives_a_bundle_or_a_clear_error(
    tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory, field: str, value: object
) -> None:
    folder = Path(shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("b") / "b"))
    change(folder, lambda t: t.update({field: value}))
    try:
        load_bundle(folder)
    except BundleError as error:
        assert "tiny" in str(error) or str(folder) in str(error)


def test_installed_bundles_can_be_loaded() -> None:
    for name, path in installed_bundles().items():
        assert load_bundle(name) == load_bundle(path)
        assert load_bundle(name).info.name == name
