"""Who may do what: roles and permissions as one table of data.

A route declares one permission; a key's scopes are permissions. It knows no route and no user.
"""

from enum import StrEnum

from tonewatch.store.users import UserRole


class Permission(StrEnum):
    """One thing that somebody may be allowed."""

    CALLS_READ = "calls:read"
    CALLS_LIVE = "calls:live"
    CALLS_NOTE = "calls:note"
    CALLS_EXPORT = "calls:export"
    CALLS_HOLD = "calls:hold"
    CALLS_ERASE = "calls:erase"
    RECORDINGS_READ = "recordings:read"
    RECORDINGS_WRITE = "recordings:write"
    RECORDINGS_DELETE = "recordings:delete"
    BUNDLES_READ = "bundles:read"
    MODEL_SWITCH = "model:switch"
    POLICY_READ = "policy:read"
    POLICY_CHANGE = "policy:change"
    AUDIT_READ = "audit:read"
    USERS_MANAGE = "users:manage"
    KEYS_MANAGE = "keys:manage"
    RETENTION_MANAGE = "retention:manage"
    STUDIO_USE = "studio:use"


MEANINGS: dict[Permission, str] = {
    Permission.CALLS_READ: "see calls, live and ended, with their timelines and notes",
    Permission.CALLS_LIVE: "send the audio of a call",
    Permission.CALLS_NOTE: "write notes and decisions on a call",
    Permission.CALLS_EXPORT: "take a call out as a zip",
    Permission.CALLS_HOLD: "put a call under legal hold, or lift it",
    Permission.CALLS_ERASE: "erase a call before its time",
    Permission.RECORDINGS_READ: "list recordings, hear them, see what was heard in them",
    Permission.RECORDINGS_WRITE: "upload recordings and have them heard",
    Permission.RECORDINGS_DELETE: "delete and restore recordings",
    Permission.BUNDLES_READ: "see the models' cards and scores",
    Permission.MODEL_SWITCH: "switch the model on and off",
    Permission.POLICY_READ: "see the rules of triage, and how it does week by week",
    Permission.POLICY_CHANGE: "change, restore and learn the rules of triage, switch it on and off",
    Permission.AUDIT_READ: "read and verify the audit",
    Permission.USERS_MANAGE: "make and change users",
    Permission.KEYS_MANAGE: "make and revoke API keys",
    Permission.RETENTION_MANAGE: "set and run retention",
    Permission.STUDIO_USE: "record a corpus: speakers' consents and takes",
}

_TAKES_CALLS = frozenset(
    {
        Permission.CALLS_READ,
        Permission.CALLS_LIVE,
        Permission.CALLS_NOTE,
        Permission.RECORDINGS_READ,
        Permission.RECORDINGS_WRITE,
        Permission.BUNDLES_READ,
        Permission.POLICY_READ,
    }
)

PERMISSIONS: dict[UserRole, frozenset[Permission]] = {
    UserRole.CALL_TAKER: _TAKES_CALLS,
    UserRole.SUPERVISOR: _TAKES_CALLS
    | {
        Permission.CALLS_EXPORT,
        Permission.CALLS_HOLD,
        Permission.RECORDINGS_DELETE,
        Permission.MODEL_SWITCH,
        Permission.POLICY_CHANGE,
        Permission.AUDIT_READ,
    },
    UserRole.RESEARCHER: frozenset(
        {
            Permission.CALLS_READ,
            Permission.CALLS_EXPORT,
            Permission.RECORDINGS_READ,
            Permission.RECORDINGS_WRITE,
            Permission.RECORDINGS_DELETE,
            Permission.BUNDLES_READ,
            Permission.POLICY_READ,
            Permission.STUDIO_USE,
        }
    ),
    UserRole.ADMINISTRATOR: frozenset(Permission),
}
