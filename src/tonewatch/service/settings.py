"""The service's settings: read once from the environment, then a value.

Each field is read from the variable `TONEWATCH_` and its name in capitals. It opens nothing and
makes no folder. `docs/reference/settings.md` lists them all; a test compares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, Self, get_args

from tonewatch.core.errors import SettingsError
from tonewatch.transcript.http import is_server

PREFIX = "TONEWATCH_"
AudioKept = Literal["flac", "none"]
Transcriber = Literal["auto", "off", "pocketsphinx", "whisper", "sherpa", "http"]
Spotter = Literal["auto", "off", "on"]


def _default_data_dir() -> Path:
    return Path.home() / ".local" / "share" / "tonewatch"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that can be set.

    Attributes:
        data_dir: where recordings, the default database, the signing secret and the spool lie.
        database_url: SQLAlchemy's address of the database; empty is SQLite in `data_dir`.
        redis_url: the bus between several processes; empty is none, one process does all.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        public_url: how browsers reach the service (`https://…`); empty is `http://HOST:PORT`.
        proxies: addresses and networks of reverse proxies, with commas between; what they say of a
            client's address and protocol (X-Forwarded-For, X-Forwarded-Proto) is believed.
        bundle: name or path of the bundle.
        secret: what signs sessions, at least 16 characters; empty keeps a random one in
            `data_dir`. Processes behind one address need the same.
        keep_audio: `flac`, or `none`: only what was heard is kept.
        max_upload_mb: the largest upload, in MB (10**6 bytes).
        max_duration_s: the longest recording, in seconds.
        max_body_kb: the largest other body, in kB (10**3 bytes).
        detect_jobs: processes that decode and hear recordings.
        session_h: how long a sign-in lasts, in hours.
        link_h: how long a one-time link lasts, in hours.
        max_calls: live calls at a time in this process.
        max_calls_per_key: live calls at a time for one API key or user.
        max_frame_kb: the largest frame of a live call, in kB.
        resume_s: how long a call whose connection broke waits for it to come back.
        drain_s: how long open calls may take to end when the service stops.
        transcribe: what turns live speech into words; `auto` is pocketsphinx where it is
            installed, else off.
        transcribe_workers: processes that do so.
        transcribe_model: folder of the recogniser's model; of `http` the model's name; empty is
            the recogniser's own, where it has one.
        transcribe_language: ISO 639-1 code, for whisper and http; empty lets them find it.
        transcribe_url: of `http`, up to and with `/v1`. The calls' speech goes there.
        transcribe_key: of `http`, sent as a bearer token; empty is none.
        spot: whether PocketSphinx spots English phrases of emergencies in live speech, beside the
            words or, where `transcribe` is off, alone; `auto` is on beside its own English model.
        log_level: debug, info, warning or error.
    """

    data_dir: Path = field(default_factory=_default_data_dir)
    database_url: str = ""
    redis_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8765
    public_url: str = ""
    proxies: str = "127.0.0.1,::1"
    bundle: str = "voice"
    secret: str = field(default="", repr=False)
    keep_audio: AudioKept = "flac"
    max_upload_mb: int = 512
    max_duration_s: int = 4 * 3600
    max_body_kb: int = 1024
    detect_jobs: int = 1
    session_h: float = 12.0
    link_h: float = 24.0
    max_calls: int = 200
    max_calls_per_key: int = 200
    max_frame_kb: int = 256
    resume_s: float = 30.0
    drain_s: float = 20.0
    transcribe: Transcriber = "auto"
    transcribe_workers: int = 1
    transcribe_model: str = ""
    transcribe_language: str = ""
    transcribe_url: str = ""
    transcribe_key: str = field(default="", repr=False)
    spot: Spotter = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        least = {"port": 0, "resume_s": 0, "drain_s": 0}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int | float) and not value >= least.get(each.name, 1e-9):
                raise SettingsError(
                    f"expected a positive {PREFIX}{each.name.upper()}, came {value!r}"
                )
        if self.port > 65_535:
            raise SettingsError(f"expected {PREFIX}PORT of at most 65535, came {self.port}")
        for proxy in self.believed:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise SettingsError(
                    f"expected {PREFIX}PROXIES as addresses and networks with commas between, "
                    f"came: {error}"
                ) from error
        if self.secret and len(self.secret) < 16:
            raise SettingsError(
                f"expected a {PREFIX}SECRET of at least 16 characters, came {len(self.secret)}; "
                "make one with `openssl rand -hex 32`"
            )
        if self.transcribe in ("whisper", "sherpa") and not self.transcribe_model:
            raise SettingsError(
                f"expected {PREFIX}TRANSCRIBE_MODEL with the folder of a model for "
                f"{self.transcribe}, came none"
            )
        if self.transcribe == "http" and not is_server(self.transcribe_url):
            raise SettingsError(
                f"expected {PREFIX}TRANSCRIBE_URL as https://HOST/v1 for http, came "
                f"{self.transcribe_url or 'none'}"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Settings from variables; those not there keep their defaults.

        Raises:
            SettingsError: a value is not of its kind or out of its range.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            name = PREFIX + each.name.upper()
            if environment.get(name, "") != "":
                values[each.name] = _convert(name, environment[name], each.type)
        return cls(**values)

    def changed(self, **changes: Any) -> Self:
        """The same with some changes; those that are None are left as they are."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})

    @property
    def database(self) -> str:
        """The database's address, the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'tonewatch.db'}"

    @property
    def believed(self) -> list[str]:
        """The reverse proxies, one by one."""
        return [proxy.strip() for proxy in self.proxies.split(",") if proxy.strip()]

    @property
    def url(self) -> str:
        """How browsers reach the service, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


def _convert(name: str, text: str, kind: Any) -> Any:
    choices = get_args(kind)
    if choices:
        if text not in choices:
            raise SettingsError(f"expected {name} as one of {', '.join(choices)}, came {text!r}")
        return text
    make: Callable[[str], Any] = kind
    try:
        return Path(text).expanduser() if kind is Path else make(text)
    except ValueError as error:
        raise SettingsError(f"expected {name} as a number, came {text!r}") from error
