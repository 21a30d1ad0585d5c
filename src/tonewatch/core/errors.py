"""Every error that Tonewatch raises on purpose, as one tree.

Each class has a `kind`, the short machine word that the JSON output carries. A message says what
was expected, what came and what to do. Nothing else (a library's exception, an `OSError`) is meant
to reach a caller; where one does, that is a defect.

    TonewatchError                 tonewatch
    ├── AudioError                 audio          a recording that cannot be heard
    │   ├── AudioNotFoundError     not_found      no such file, or it may not be read
    │   ├── NotAudioError          not_audio      no known audio in it
    │   ├── EmptyAudioError        empty          a known format, but not one sample
    │   ├── TruncatedAudioError    truncated      it ends before its header says, or is damaged
    │   ├── NoChannelsError        no_channels    the header says zero channels
    │   ├── AbsurdHeaderError      absurd_header  a rate or channel count that cannot be
    │   ├── BadSamplesError        bad_samples    NaN or infinite samples
    │   ├── ChannelError           channel        the channel asked for is not there
    │   ├── DeviceError            device         no microphone or loudspeaker to be used
    │   └── WorkerError            worker         the process that heard it ended
    │       └── StoppingError      stopping       because the service stops
    ├── BundleError                bundle         a model bundle that does not fit
    ├── CallError                  call           a call used otherwise than it can be
    ├── CorpusError                corpus         a corpus that cannot be read
    ├── PlayError                  play           a live service that calls cannot be sent to
    ├── SchemeError                scheme         an unknown or wrong label scheme
    ├── SettingsError              settings       a setting out of its range
    ├── StoreError                 store          what is kept cannot be written or read
    │   ├── AuditError             audit          the chain of audit entries is broken
    │   ├── NotFoundError          no_such        nothing is kept under that name
    │   ├── ConflictError          conflict       what is kept already contradicts it
    │   ├── UnavailableError       unavailable    the database does not answer
    │   └── UnfitError             unfit          a value that the store cannot hold
    ├── TrainingError              training       a training run that cannot go on
    ├── TranscriptError            transcript     a recogniser of words that is missing, or fails
    └── ExportError                export         a network that does not survive its export
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from tonewatch.core.events import PhraseSpotted


class TonewatchError(Exception):
    """The root: catch this to catch all that Tonewatch raises on purpose."""

    kind: ClassVar[str] = "tonewatch"


class AudioError(TonewatchError):
    """A recording cannot be heard."""

    kind: ClassVar[str] = "audio"


class AudioNotFoundError(AudioError):
    """There is no such file, or it may not be read."""

    kind: ClassVar[str] = "not_found"


class NotAudioError(AudioError):
    """The file holds no audio in a known format."""

    kind: ClassVar[str] = "not_audio"


class EmptyAudioError(AudioError):
    """The format is known, but there is not one sample."""

    kind: ClassVar[str] = "empty"


class TruncatedAudioError(AudioError):
    """The recording ends before its header says, or is damaged on the way."""

    kind: ClassVar[str] = "truncated"


class NoChannelsError(AudioError):
    """The header says zero channels."""

    kind: ClassVar[str] = "no_channels"


class AbsurdHeaderError(AudioError):
    """The header states a rate or channel count that no recording has."""

    kind: ClassVar[str] = "absurd_header"


class BadSamplesError(AudioError):
    """Samples are NaN or infinite."""

    kind: ClassVar[str] = "bad_samples"


class ChannelError(AudioError):
    """The channel asked for is not in the recording."""

    kind: ClassVar[str] = "channel"


class DeviceError(AudioError):
    """There is no microphone or loudspeaker that can be used."""

    kind: ClassVar[str] = "device"


class WorkerError(AudioError):
    """The process that heard the recording ended before it was done."""

    kind: ClassVar[str] = "worker"


class StoppingError(WorkerError):
    """The service stops; the same may work later."""

    kind: ClassVar[str] = "stopping"


class BundleError(TonewatchError):
    """A model bundle is missing, damaged or does not fit."""

    kind: ClassVar[str] = "bundle"


class CallError(TonewatchError):
    """A call, or an event of one, is used otherwise than it can be."""

    kind: ClassVar[str] = "call"


class CorpusError(TonewatchError):
    """A corpus cannot be read."""

    kind: ClassVar[str] = "corpus"


class PlayError(TonewatchError):
    """A live service is not there, or takes no calls from here."""

    kind: ClassVar[str] = "play"


class SchemeError(TonewatchError):
    """A label scheme is unknown or contradicts itself."""

    kind: ClassVar[str] = "scheme"


class SettingsError(TonewatchError):
    """A setting is out of its range."""

    kind: ClassVar[str] = "settings"


class StoreError(TonewatchError):
    """What is kept cannot be written or read."""

    kind: ClassVar[str] = "store"


class AuditError(StoreError):
    """The chain of audit entries is broken."""

    kind: ClassVar[str] = "audit"


class NotFoundError(StoreError):
    """Nothing is kept under that name."""

    kind: ClassVar[str] = "no_such"


class ConflictError(StoreError):
    """What is kept already contradicts what was asked."""

    kind: ClassVar[str] = "conflict"


class UnavailableError(StoreError):
    """The database does not answer; the same may work later."""

    kind: ClassVar[str] = "unavailable"


class UnfitError(StoreError):
    """A value that the store cannot hold: too long, not text, not a number."""

    kind: ClassVar[str] = "unfit"


class TrainingError(TonewatchError):
    """A training run cannot start or go on."""

    kind: ClassVar[str] = "training"


class TranscriptError(TonewatchError):
    """A recogniser of words cannot be had, or failed.

    Attributes:
        phrases: those that were spotted in the same speech all the same.
    """

    kind: ClassVar[str] = "transcript"
    phrases: "Sequence[PhraseSpotted]" = ()


class ExportError(TonewatchError):
    """A network does not give the same answers after its export."""

    kind: ClassVar[str] = "export"
