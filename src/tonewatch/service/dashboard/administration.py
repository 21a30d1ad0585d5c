"""Administration: people, keys, retention and the audit, each for those who may."""

from collections.abc import Callable

from tonewatch.service.auth.permissions import Permission
from tonewatch.service.dashboard.admin_audit import audit
from tonewatch.service.dashboard.admin_keys import keys
from tonewatch.service.dashboard.admin_retention import retention
from tonewatch.service.dashboard.admin_users import users
from tonewatch.service.dashboard.frame import frame
from tonewatch.service.dashboard.mount import PATH
from tonewatch.service.dashboard.parts import link, tag
from tonewatch.service.dashboard.visit import Visit

_PARTS: dict[str, tuple[Permission, Callable[[Visit], None]]] = {
    "users": (Permission.USERS_MANAGE, users),
    "keys": (Permission.KEYS_MANAGE, keys),
    "retention": (Permission.RETENTION_MANAGE, retention),
    "audit": (Permission.AUDIT_READ, audit),
}


async def build(visit: Visit) -> None:
    """The page; `?part=` says which part is open, the first that they may see by default."""
    texts = visit.texts
    allowed = {key: part for key, (needs, part) in _PARTS.items() if visit.may(needs)}
    asked = visit.request.query_params.get("part", "")
    current = asked if asked in allowed else next(iter(allowed))
    with frame(visit, "administration", texts("place.administration")):
        with tag("nav", classes="tabs", aria_label=texts("admin.parts")):
            for key in allowed:
                here = "page" if key == current else None
                address = f"{PATH}/administration?part={key}"
                link(texts(f"admin.{key}"), address, aria_current=here)
        allowed[current](visit)
