"""The bundle: a model as data, one folder or zip of `model.onnx`, `bundle.json` and `card.md`.

Reads, writes and checks them; what the network computes is the predictor's business. A bundle that
does not fit is refused with the reason. Its `sha256` is the hash of the bytes of `model.onnx`
followed by `bundle.json` in canonical form (keys sorted, no spaces, UTF-8), so it names the weights
and every setting together; it does not depend on whether the bundle is a folder or a zip.

The kinds of network:
    streaming  inputs `features` [B, T, n_features] (T new frames, a multiple of
               frames_per_embedding), `past` [B, P, embedding_size] (embeddings of the window before
               them, P >= 0) and `state_0`... (the convolutions' memory, zeros at first); outputs
               `logits` [B, n_labels] of the window, `embeddings` [B, T / frames_per_embedding,
               embedding_size], `speech` [B, T / frames_per_embedding] (probability of speech) and
               `state_0_next`...
    window     input `input` [B, *shape], made of the samples of one window as `input` says; output
               `logits` [B, n_labels]
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from tonewatch.audio.features import FeatureSettings
from tonewatch.audio.inputs import KINDS, WindowInput
from tonewatch.audio.vad import VadSettings
from tonewatch.core.errors import BundleError, SettingsError
from tonewatch.core.labels import SCHEMES
from tonewatch.inference.calibration import Calibration

FORMAT_VERSION = 1
"""Of `bundle.json`; another one is refused."""

Kind = Literal["streaming", "window"]

# Keys that one kind alone has; the other's bundle.json is without them.
_OWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "streaming": ("features", "frames_per_embedding", "embedding_size", "state_shapes"),
    "window": ("input", "speech_from"),
}

_MODEL, _INFO, _CARD = "model.onnx", "bundle.json", "card.md"
_MAX_BYTES = 1 << 30  # a zip may claim any size


@dataclass(frozen=True)
class BundleInfo:
    """What `bundle.json` says.

    Attributes:
        name: short name, as in `--bundle NAME`.
        version: of the model, as `1.0`.
        scheme: the label scheme's name.
        labels: what the network's outputs mean, in order.
        model_sha256: hash of `model.onnx`, in hexadecimal.
        kind: of network; see the module.
        features: `streaming`: how frames are made.
        frames_per_embedding: `streaming`: frames that become one embedding.
        embedding_size: `streaming`: length of an embedding.
        state_shapes: `streaming`: the shape of each `state_i`, without the batch.
        input: `window`: what the network takes of a window.
        speech_from: `window`: the installed streaming bundle whose speech head hears for it.
        calibration: from logits to probabilities, and when these are certain.
        speech: from the network's speech probabilities to speech.
        window_s: the window it was trained for.
        hop_s: the usual step between windows.
        languages: ISO 639-1 codes of what it was trained on.
        training: corpora, folds and recipe, in words and numbers.
        metrics: scores, each with its protocol.
        licence: of the weights.
        experimental: whether every place that shows its answers must say so.
    """

    name: str
    version: str
    scheme: str
    labels: tuple[str, ...]
    model_sha256: str
    kind: Kind = "streaming"
    features: FeatureSettings = field(default_factory=FeatureSettings)
    frames_per_embedding: int = 0
    embedding_size: int = 0
    state_shapes: tuple[tuple[int, ...], ...] = ()
    input: WindowInput | None = None
    speech_from: str = "voice"
    calibration: Calibration = field(default_factory=Calibration)
    speech: VadSettings = field(default_factory=VadSettings)
    window_s: float = 3.0
    hop_s: float = 1.0
    languages: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    experimental: bool = False

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise BundleError(
                f"bundle {self.name!r}: expected two or more different labels, came "
                f"{list(self.labels)}; export it again"
            )
        known = SCHEMES.get(self.scheme)
        if known is not None and (stray := sorted(set(self.labels) - set(known.labels))):
            raise BundleError(
                f"bundle {self.name!r}: expected labels of the scheme {self.scheme} "
                f"({', '.join(known.labels)}), came {stray}; export it with the right scheme"
            )
        if self.kind not in get_args(Kind):
            raise BundleError(
                f"bundle {self.name!r}: expected a network of kind {', '.join(get_args(Kind))}, "
                f"came {self.kind!r}; a newer Tonewatch may read it"
            )
        if self.kind == "streaming" and min(self.frames_per_embedding, self.embedding_size) < 1:
            raise BundleError(
                f"bundle {self.name!r}: expected frames_per_embedding and embedding_size of a "
                f"streaming network, came {self.frames_per_embedding}, {self.embedding_size}; "
                "export it again"
            )
        if self.kind == "window" and self.input is None:
            raise BundleError(
                f"bundle {self.name!r}: expected the input of a window network, came none; "
                "export it again"
            )
        if len(self.calibration.bias) not in (0, len(self.labels)):
            raise BundleError(
                f"bundle {self.name!r}: expected a calibration bias for each of the "
                f"{len(self.labels)} labels, came {len(self.calibration.bias)}; export it again"
            )

    def to_json(self) -> dict[str, Any]:
        """The content of `bundle.json`."""
        stray = [key for kind, keys in _OWN_KEYS.items() if kind != self.kind for key in keys]
        table = {key: value for key, value in asdict(self).items() if key not in stray}
        if not self.experimental:
            del table["experimental"]
        return json.loads(json.dumps({"format_version": FORMAT_VERSION} | table))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory.

    Attributes:
        info: what `bundle.json` says.
        model: the bytes of `model.onnx`.
        card: the model card, Markdown; empty when there is none.
        sha256: the bundle's hash; see the module.
    """

    info: BundleInfo
    model: bytes = field(repr=False)
    card: str = field(default="", repr=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        canonical = json.dumps(
            self.info.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        digest = hashlib.sha256(self.model + canonical.encode()).hexdigest()
        object.__setattr__(self, "sha256", digest)
        came = hashlib.sha256(self.model).hexdigest()
        if came != self.info.model_sha256:
            raise BundleError(
                f"bundle {self.info.name!r}: expected a {_MODEL} with the hash "
                f"{self.info.model_sha256}, came {came}; the file is damaged or was changed: "
                "copy the bundle again"
            )


def installed_bundles() -> dict[str, Path]:
    """The bundles that ship with the package: name -> folder, sorted."""
    home = Path(str(files("tonewatch") / "bundles"))
    found = sorted(home.iterdir()) if home.is_dir() else []
    return {path.name: path for path in found if (path / _INFO).is_file()}


def is_bundle(name_or_path: str | Path) -> bool:
    """Whether it names an installed bundle, or is the folder or zip of one's own.

    Raises:
        BundleError: it is a zip that cannot be read.
    """
    path = installed_bundles().get(str(name_or_path), Path(name_or_path))
    if zipfile.is_zipfile(path):
        return _INFO in _unzip(path)  # torch's checkpoints are zips too
    return (path / _INFO).is_file()


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Read an installed bundle by name, or one's own from a folder or a zip.

    Raises:
        BundleError: there is none, or it does not fit.
    """
    installed = installed_bundles()
    path = installed.get(str(name_or_path), Path(name_or_path))
    if os.path.isdir(path):
        try:
            content = {p.name: p.read_bytes() for p in path.iterdir() if p.name in _NAMES}
        except OSError as error:
            raise BundleError(
                f"bundle {path}: expected files that can be read, came {error.strerror} at "
                f"{error.filename}; check its permissions"
            ) from error
    elif zipfile.is_zipfile(path):
        content = _unzip(path)
    else:
        known = ", ".join(installed) or "none is installed"
        raise BundleError(
            f"expected a bundle's name ({known}) or its folder or zip, came {str(name_or_path)!r}; "
            "`tonewatch bundles` lists what is there"
        )
    if missing := [name for name in (_INFO, _MODEL) if name not in content]:
        raise BundleError(
            f"bundle {path}: expected {_INFO} and {_MODEL}, {' and '.join(missing)} is not there; "
            "copy the bundle again"
        )
    try:
        table = json.loads(content[_INFO])
    except ValueError as error:
        raise BundleError(f"bundle {path}: expected JSON in {_INFO}, came {error}") from error
    card = content.get(_CARD, b"").decode("utf-8", "replace")
    return Bundle(_parse_info(table, path), content[_MODEL], card)


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle as a folder, which is made when missing; what was in it is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MODEL).write_bytes(bundle.model)
    text = json.dumps(bundle.info.to_json(), indent=2, ensure_ascii=False) + "\n"
    (folder / _INFO).write_text(text, encoding="utf-8")
    (folder / _CARD).write_text(bundle.card, encoding="utf-8")


_NAMES = frozenset({_MODEL, _INFO, _CARD})


def _unzip(path: Path) -> dict[str, bytes]:
    """The bundle's files, at the top of the zip or in its one folder."""
    content: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.rpartition("/")[2]
                if name in _NAMES and entry.filename.count("/") <= 1:
                    if name in content or entry.file_size > _MAX_BYTES:
                        raise BundleError(f"bundle {path}: expected one {name} of at most 1 GiB")
                    content[name] = archive.read(entry)
    except (
        zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError,
    ) as error:  # fmt: skip
        raise BundleError(f"bundle {path}: the zip cannot be read: {error}") from error
    return content


_T = TypeVar("_T")


def _parse_info(table: Any, path: Path) -> BundleInfo:
    if not isinstance(table, dict) or table.get("format_version") != FORMAT_VERSION:
        came = table.get("format_version") if isinstance(table, dict) else type(table).__name__
        raise BundleError(
            f"bundle {path}: expected format_version {FORMAT_VERSION}, came {came!r}; "
            "use the Tonewatch that wrote it, or export it again"
        )
    values = {key: value for key, value in table.items() if key != "format_version"}
    kind = values.get("kind", "streaming")
    own = _OWN_KEYS.get(kind, ()) if isinstance(kind, str) else ()
    if missing := [key for key in own if key not in values]:
        raise BundleError(
            f"bundle {path}: expected {', '.join(own)} for a network of kind {kind}, "
            f"{', '.join(missing)} is not there; export it again"
        )
    nested: dict[str, type] = {
        "features": FeatureSettings,
        "calibration": Calibration,
        "speech": VadSettings,
    }
    for key, cls in nested.items():
        if key in values:
            values[key] = _parse(cls, values[key], f"bundle {path}, {key}")
    if "input" in values:
        values["input"] = _parse_input(values["input"], f"bundle {path}, input")
    return _parse(BundleInfo, values, f"bundle {path}")


def _parse_input(table: Any, where: str) -> WindowInput:
    kind = table.get("kind") if isinstance(table, dict) else None
    cls = KINDS.get(str(kind))
    if cls is None:
        raise BundleError(
            f"{where}: expected a kind of {', '.join(KINDS)}, came {kind!r}; a newer Tonewatch "
            "may read it"
        )
    return _parse(cls, table, where)


def _parse(cls: type[_T], table: Any, where: str) -> _T:
    """Make a dataclass of a JSON object, with each field of the type that it asks for."""
    if not isinstance(table, dict):
        raise BundleError(f"{where}: expected an object, came {table!r}; export it again")
    types = {f.name: f.type for f in fields(cls)}  # type: ignore[arg-type]
    if stray := sorted(set(table) - set(types)):
        raise BundleError(f"{where}: {stray} is unknown; a newer Tonewatch may read it")
    values = {key: _convert(value, types[key], f"{where}, {key}") for key, value in table.items()}
    try:
        return cls(**values)
    except (TypeError, SettingsError) as error:
        raise BundleError(f"{where}: {error}; export it again") from error


def _convert(value: Any, kind: Any, where: str) -> Any:
    """JSON's value as the annotated type: lists become tuples, whole numbers floats."""
    if kind is bool:
        if not isinstance(value, bool):
            raise BundleError(f"{where}: expected true or false, came {value!r}")
        return value
    if kind in (str, int, float):
        accepted = (int, float) if kind is float else kind
        if not isinstance(value, accepted) or isinstance(value, bool):
            raise BundleError(f"{where}: expected {kind.__name__}, came {value!r}")
        return kind(value)
    items = get_args(kind)
    if items[1:] == (Ellipsis,):
        if not isinstance(value, list):
            raise BundleError(f"{where}: expected a list, came {value!r}")
        return tuple(_convert(item, items[0], where) for item in value)
    if type(None) in items:
        return None if value is None else _convert(value, items[0], where)
    if items == (str, Any) and not isinstance(value, dict):
        raise BundleError(f"{where}: expected an object, came {value!r}")
    return value
