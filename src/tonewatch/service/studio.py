"""The corpus that the running service keeps, its sentences, and how a speaker is forgotten.

REST and the dashboard offer the same. It knows no request.
"""

from pathlib import Path

from tonewatch.corpora.collection import Collection
from tonewatch.corpora.studio import Prompts, read_prompts
from tonewatch.service.state import State


def folder_of(state: State) -> Path:
    """Where the corpus lies."""
    return state.settings.data_dir / "studio"


def collection_of(state: State) -> Collection:
    """The corpus that this service keeps."""
    return Collection(folder_of(state))


def prompts_of(state: State) -> Prompts:
    """What is to be spoken: the folder's own sentences, or the usual ones."""
    path = folder_of(state) / "prompts.toml"
    return read_prompts(path) if path.is_file() else Prompts()


def forget(state: State, speaker: str, actor: str) -> None:
    """Delete a speaker's consent and takes, with its entries in the audit.

    Raises:
        NotFoundError: there is no such speaker.
    """
    collection, subject = collection_of(state), f"speaker:{speaker}"
    collection.speaker(speaker)
    # Also before: what is gone can be told no second time.
    state.audit.append(actor, "studio.forgetting", subject, {})
    takes = collection.forget(speaker)
    state.audit.append(actor, "studio.forgotten", subject, {"takes": takes})
