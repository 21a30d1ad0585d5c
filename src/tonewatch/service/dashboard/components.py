"""The parts that draw in the browser, each a file of our own under `static/`."""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui.element import Element


class SignInForm(Element, component="static/sign_in.js"):
    """Asks for name and password; or, with a token, for a new password.

    Args:
        next_page: where to go then.
        token: of a one-time link; empty to sign in.
        shortest: characters of a new password.
    """

    def __init__(self, next_page: str, token: str, shortest: int) -> None:
        super().__init__()
        self.props.update(next=next_page, token=token, shortest=shortest)


class Upload(Element, component="static/upload.js"):
    """Takes files by drag and drop or by choice, with progress; emits `kept` with each id.

    Args:
        largest_mb: what a file may have.
        most_s: how long a recording may be.
    """

    def __init__(self, largest_mb: int, most_s: int) -> None:
        super().__init__()
        self.props.update(largest=largest_mb, most=most_s)


class Heard(Element, component="static/heard.js"):
    """What was heard over one time axis: waveform, areas, windows, and their distribution.

    Args:
        palette: as `emotions.palette`, in the model's order.
        subject: what the scores are of, in words.
        content: `duration`, `windows` (each as `watch.row_of` makes it), `audio` (an address or
            empty), `live`, and `follows` where the page's own microphone is heard; `urgency`, pairs
            of seconds and value, and the thresholds `ticks`, where the call is assessed;
            `window_s`, how much the model hears at once, where it is live; `explains`, where REST
            explains a window of it.
    """

    def __init__(
        self, palette: list[dict[str, str]], subject: str, content: dict[str, Any]
    ) -> None:
        super().__init__()
        self.props.update(palette=palette, subject=subject, **content)

    def push(self, windows: list[list[Any]], duration_s: float) -> None:
        """Add windows of a live call."""
        self.run_method("push", windows, duration_s)

    def push_urgency(self, at_s: float, value: float, ticks: Sequence[float]) -> None:
        """Add how urgent a live call is now, with the thresholds of the bands."""
        self.run_method("push_urgency", at_s, value, list(ticks))

    def outline(self, peaks: list[float]) -> None:
        """Draw the waveform: the loudest sample of equal stretches."""
        self.run_method("draw_outline", peaks)

    def end(self, audio: str, duration_s: float, explains: str = "") -> None:
        """The call is over; its audio can be played, and explained, where there is any."""
        self.run_method("end", audio, duration_s, explains)


class LiveTable(Element):
    """Live calls in rows."""

    def update_rows(self, rows: list[dict[str, Any]], gone: list[str]) -> None:
        """Change some rows, and take away those of calls that ended."""
        self.run_method("take", rows, gone)


class LiveCalls(LiveTable, component="static/calls.js"):
    """One row a live call, with the last minute of it.

    Args:
        palette: as `emotions.palette`.
        window_s: how much the model hears at once.
    """

    def __init__(self, palette: list[dict[str, str]], window_s: float) -> None:
        super().__init__()
        self.props.update(palette=palette, window_s=window_s)


class Queue(LiveTable, component="static/queue.js"):
    """The live calls by urgency, and the alert of those that reach a band.

    Args:
        palette: as `emotions.palette`.
        window_s: how much the model hears at once.
        level: the band from which a call is alerted, `high`, `medium` or `never`.
        muted: whether alerts make no sound.
        user: whose the alerts are that were seen.
    """

    def __init__(
        self, palette: list[dict[str, str]], window_s: float, level: str, muted: bool, user: str
    ) -> None:
        super().__init__()
        self.props.update(palette=palette, window_s=window_s, level=level, muted=muted, user=user)


class Scores(Element, component="static/assessment.js"):
    """The meters of a call, with what they are made of.

    Args:
        cards: as `scores.urgency_card` and `scores.check_card`.
    """

    def __init__(self, cards: list[dict[str, Any]]) -> None:
        super().__init__()
        self.props.update(scores=cards)

    def update_cards(self, cards: list[dict[str, Any]]) -> None:
        """Show newer ones."""
        self.run_method("take", cards)


class Transcript(Element, component="static/transcript.js"):
    """What was said in a call.

    Args:
        subject: its heading.
        nothing: what stands there while nothing was said.
        utterances: as `said.of_kept` and `said.of_live`.
    """

    def __init__(self, subject: str, nothing: str, utterances: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.props.update(subject=subject, nothing=nothing, utterances=utterances)

    def push(self, utterances: Sequence[Mapping[str, Any]]) -> None:
        """Add some, or put them in the place of those that were not final."""
        self.run_method("take", utterances)


class Microphone(Element, component="static/microphone.js"):
    """Start, stop and meter; sends the microphone to `/api/v1/live`.

    What is heard goes to the page's `Heard` part within the browser.

    Args:
        metadata: what is kept with the call.
        can_keep: whether the service keeps audio at all.
    """

    def __init__(self, metadata: dict[str, str], can_keep: bool) -> None:
        super().__init__()
        self.props.update(metadata=metadata, keeps=can_keep)


class Studio(Element, component="static/studio.js"):
    """Records takes: who agrees, what to speak, level, check, and keeping; emits `changed`.

    Args:
        content: `sentences`, `states` (each with its `word`), their `language`, `consent` (`text`
            and `language`), `limits` of a good take, and `ages` to choose from.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self.props.update(content)

    def take(
        self, speakers: Sequence[tuple[str, int]], takes: Sequence[tuple[str, str, str]]
    ) -> None:
        """Tell who agreed, with how many takes; and speaker, state and sentence of each take."""
        listed = [{"number": number, "takes": n} for number, n in speakers]
        self.run_method("take", listed, takes)
