"""How an assessment is shown: band, flag, the reason in one line, and what it is made of.

Takes the tables of `triage.assessment`, live or kept; the numbers are theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tonewatch.service.dashboard.texts import Texts
from tonewatch.triage.assessment import LEAST_REASON
from tonewatch.triage.policy import Policy

Table = Mapping[str, Any]


def reason(score: Table, texts: Texts) -> str:
    """The two cues that speak most for a score, in one line; empty if nothing stands out."""
    said: list[str] = []
    for part in score["contributions"]:
        if part["log_odds"] >= LEAST_REASON and len(said) < 2:
            name = texts(f"cue.{part['cue']}")
            quoted = _quoted(part["words"][:2], texts)
            timed = part["cue"] in _MOMENTS and part["start_s"] is not None
            at = texts("triage.at", time=clock(part["start_s"])) if timed else ""
            said.append(" ".join(word for word in (name, quoted, at) if word))
    return " · ".join(said)


def worth(check: Table, texts: Texts) -> str:
    """Which base rate a flag assumes, and how often it is right then: of 1000, as few are."""
    base, right = (max(1, round(1000 * check[key])) for key in ("base_rate", "precision"))
    return texts("triage.worth", base=base, right=right)


def share(value: float) -> str:
    """A share in percent; small ones with a decimal, as a base rate of 0.8 % is not 1 %."""
    return f"{value:.1%}" if value < 0.1 else f"{value:.0%}"


def urgency_card(score: Table, at_s: float, policy: Policy | None, texts: Texts) -> dict[str, Any]:
    """The meter of urgency, for the part that draws it; thresholds where the rules are known."""
    ticks: list[dict[str, Any]] = []
    words = [texts("triage.urgency_note")]
    if policy is not None:
        for name, at in (("medium", policy.medium_from), ("high", policy.high_from)):
            words.append(texts(f"triage.{name}_from", p=f"{at:.0%}"))
            ticks.append({"at": at, "word": words[-1]})
    word = texts(f"band.{score['band']}")
    why = reason(score, texts)
    more = {
        "band": score["band"],
        "word": word,
        "sentence": texts("triage.now" if why else "triage.now_plain", band=word, why=why),
        "ticks": ticks,
        "note": "; ".join(words) + ".",
    }
    return _card("urgency", score, at_s, texts) | more


def check_card(score: Table, at_s: float, policy: Policy | None, texts: Texts) -> dict[str, Any]:
    """The meter of "check this call"."""
    ticks = []
    if policy is not None:
        at = policy.check_from
        ticks.append({"at": at, "word": texts("triage.flag_from", p=f"{at:.0%}")})
    flagged = score["flagged"]
    more = {
        "flagged": flagged,
        "unit": texts("triage.even_odds"),
        "word": texts("triage.flagged" if flagged else "triage.not_flagged"),
        "sentence": texts("triage.now_check", why=reason(score, texts)) if flagged else "",
        "ticks": ticks,
        "note": f"{worth(score, texts)} {texts('triage.check_note')}",
    }
    return _card("check", score, at_s, texts) | more


_MOMENTS = frozenset(
    {"laughter", "scream", "breathing", "replayed_audio", "synthetic_audio", "several_voices"}
)


def _card(kind: str, score: Table, at_s: float, texts: Texts) -> dict[str, Any]:
    return {
        "key": kind,
        "name": texts(f"triage.{kind}"),
        "at": texts("triage.after", time=clock(at_s)),
        "value": score["value"],
        "log_odds": score["log_odds"],
        "intercept": score["intercept"],
        "parts": [
            {
                "key": part["cue"],
                "name": texts(f"cue.{part['cue']}"),
                "why": _why(part, texts),
                "log_odds": part["log_odds"],
                "start_s": part["start_s"],
            }
            for part in score["contributions"]
        ],
    }


def _why(part: Table, texts: Texts) -> str:
    strength = texts("triage.strength", p=f"{part['strength']:.0%}".replace("-", "−"))
    quoted = _quoted(part["words"][:4], texts)
    earlier_s = part["numbers"].get("earlier_s")
    if earlier_s is not None:
        quoted = texts("triage.same_as", time=clock(earlier_s))
    return f"{quoted} · {strength}" if quoted else strength


def _quoted(words: Sequence[str], texts: Texts) -> str:
    return ", ".join(texts("triage.quoted", words=word) for word in dict.fromkeys(words))


def clock(seconds: float) -> str:
    """A time or a length, as the axis of time has it: `1:05`, `1:15:03`."""
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
