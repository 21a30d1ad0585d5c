"""People who are let in and changed, and addresses where they set a password; all written down."""

from datetime import timedelta

from tonewatch.service.settings import Settings
from tonewatch.store.audit import Audit
from tonewatch.store.database import Database
from tonewatch.store.links import OneTimeLinks
from tonewatch.store.users import User, UserRole, Users


class People:
    """Lets people in, for pages, the REST interface and the command line alike.

    Args:
        database: that all of the others keep in.
        users: who there is.
        links: by which they set a password.
        audit: that tells of each change.
        settings: the address of the service, and how long a link holds.
    """

    def __init__(
        self,
        database: Database,
        users: Users,
        links: OneTimeLinks,
        audit: Audit,
        settings: Settings,
    ) -> None:
        self._database = database
        self._users = users
        self._links = links
        self._audit = audit
        self._settings = settings

    def add(self, name: str, role: UserRole, actor: str) -> tuple[User, str]:
        """A new user, and the link by which they set a password.

        Raises:
            ConflictError: there is one of that name.
            UnfitError: the name cannot be.
        """
        with self._database.begin():
            user = self._users.create(name, role, None)
            link = self.link(user)
            details = {"name": user.name, "role": user.role}
            self._audit.append(actor, "user.created", f"user:{user.id}", details)
            return user, link

    def change(self, user_id: str, role: UserRole | None, active: bool | None, actor: str) -> User:
        """The user with another role, or who may sign in or not; None leaves it as it is.

        Raises:
            ConflictError: no active administrator would be left.
            NotFoundError: there is no such user.
        """
        with self._database.begin():
            user = self._users.get(user_id)
            if role is not None and role != user.role:
                self._users.set_role(user_id, role)
            if active is not None and active != user.active:
                self._users.set_active(user_id, active)
            changed = self._users.get(user_id)
            details = {"name": user.name, "role": changed.role, "active": changed.active}
            self._audit.append(actor, "user.changed", f"user:{user_id}", details)
            return changed

    def new_link(self, user_id: str, actor: str) -> tuple[User, str]:
        """Another link for a user; the old password holds until it is used.

        Raises:
            NotFoundError: there is no such user.
        """
        with self._database.begin():
            user = self._users.get(user_id)
            link = self.link(user)
            self._audit.append(actor, "user.link_made", f"user:{user_id}", {"name": user.name})
            return user, link

    def link(self, user: User) -> str:
        """An address where the user sets a password, once; those from before no longer work."""
        lasts = timedelta(hours=self._settings.link_h)
        token = self._links.create(user.id, "password", lasts)
        return f"{self._settings.url}/ui/password?token={token}"
