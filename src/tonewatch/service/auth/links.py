"""Addresses at which somebody sets a password, once."""

from datetime import timedelta

from tonewatch.service.settings import Settings
from tonewatch.store.links import OneTimeLinks


def password_link(links: OneTimeLinks, settings: Settings, user_id: str) -> str:
    """A new one for this user; those from before no longer work."""
    token = links.create(user_id, "password", timedelta(hours=settings.link_h))
    return f"{settings.url}/ui/password?token={token}"
