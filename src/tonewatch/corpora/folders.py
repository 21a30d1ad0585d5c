"""One's own recordings, a folder for each emotion: `happy/...`, `angry/...`.

The first folder below the root is the emotion word, the second, if there is one, the speaker:
`angry/anna/call-3.wav`. Files directly in the emotion's folder belong to one unknown speaker, since
a wrong guess would put the same voice on both sides of a split.
"""

import re
from pathlib import Path

from tonewatch.core.errors import CorpusError
from tonewatch.core.labels import canonical
from tonewatch.corpora.files import audio_files
from tonewatch.corpora.table import Problem, Table, Utterance


def read(root: Path, *, speaker_pattern: str | None = None) -> Table:
    """Read a folder per class.

    Args:
        root: The folder that holds the classes.
        speaker_pattern: Regular expression whose group `speaker` is searched for in a file's path
            below its class folder, with `/` between folders, as in `r"(?P<speaker>s[0-9]+)_"`.
            Files in which it is not found are left aside.

    Raises:
        CorpusError: Not a folder, no audio in class folders, or a pattern without that group.
    """
    pattern = _compiled(speaker_pattern) if speaker_pattern is not None else None
    utterances: list[Utterance] = []
    problems: list[Problem] = []
    for path in audio_files(root):
        emotion, *below = path.relative_to(root).parts
        if not below:
            problems.append(Problem(path, "it lies beside the class folders, not in one"))
            continue
        if pattern is None:
            speaker = below[0] if len(below) > 1 else "unknown"
        elif (match := pattern.search("/".join(below))) and match["speaker"]:
            speaker = match["speaker"]
        else:
            problems.append(Problem(path, f"no speaker by the pattern {speaker_pattern}"))
            continue
        utterances.append(
            Utterance(
                path=path,
                emotion=canonical(emotion),
                speaker=f"folders:{speaker}",
                sex=None,
                language="",
                corpus="folders",
            )
        )
    if not utterances:
        raise CorpusError(
            f"expected audio files in a folder per emotion under {root}, as in {root}/happy/a.wav, "
            f"got {len(problems)} audio files, none of them usable"
        )
    return Table(tuple(utterances), tuple(problems))


def _compiled(speaker_pattern: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(speaker_pattern)
    except re.error as error:
        raise CorpusError(
            f"expected a regular expression for the speaker, got {speaker_pattern!r}: {error}"
        ) from error
    if "speaker" not in pattern.groupindex:
        raise CorpusError(
            f"expected a group (?P<speaker>...) in the speaker pattern, got {speaker_pattern!r}"
        )
    return pattern
