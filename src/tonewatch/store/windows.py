"""One window of a call, as a value and as its row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tonewatch.store.tables import WindowRow


@dataclass(frozen=True, slots=True)
class Window:
    """What was heard in one window of one channel; without a label there was no speech."""

    channel: int
    start_s: float
    end_s: float
    label: str | None = None
    confidence: float = 0.0
    certain: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)
    speech_s: float = 0.0


def row_of(call_id: str, window: Window) -> dict[str, Any]:
    """The columns of its row, by name."""
    return {
        "call_id": call_id,
        "channel": window.channel,
        "start_s": window.start_s,
        "end_s": window.end_s,
        "label": window.label,
        "confidence": window.confidence,
        "certain": window.certain,
        "probabilities": dict(window.probabilities),
        "speech_s": window.speech_s,
    }


def window_of(row: WindowRow) -> Window:
    """The value of a row."""
    return Window(
        channel=row.channel,
        start_s=row.start_s,
        end_s=row.end_s,
        label=row.label,
        confidence=row.confidence,
        certain=row.certain,
        probabilities=row.probabilities,
        speech_s=row.speech_s,
    )
