"""`tonewatch learn`: what people's decisions would make of the rules of triage."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tonewatch.triage.feedback import Quality, Refit, Share

_EACH = 12


def learn(
    target: Annotated[
        str, typer.Option(metavar="check|urgency", help="Which score the decisions are about.")
    ] = "check",
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///FILE, postgresql://… or mysql://…"),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The service's folder, with its database in it.")
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Put the proposed rules in force, in this person's name."
        ),
    ] = None,
    restore: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Put old rules in force again; needs --accept."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="The proposal as JSON.")
    ] = None,
) -> None:
    """Learn the weights of triage from what people decided, and show what that would change.

    It needs 30 decisions of kind `outcome` (for check) or `urgency`. Nothing changes until a person
    accepts it by name; a running service follows within two seconds. Old rules come back with
    --restore.

    For example:

        tonewatch learn --target check

        tonewatch learn --target check --accept ada

        tonewatch learn --restore tonewatch-3 --accept ada
    """
    import os
    from datetime import UTC, datetime

    from tonewatch.cli.extras import service_packages
    from tonewatch.cli.kept import kept_database
    from tonewatch.core.errors import SettingsError
    from tonewatch.triage.feedback import Target

    with service_packages():
        from tonewatch.service import learning
        from tonewatch.service.auth.permissions import PERMISSIONS, Permission
        from tonewatch.service.policies import Policies
        from tonewatch.service.settings import Settings
        from tonewatch.store.audit import Audit
        from tonewatch.store.decisions import KeptDecisions
        from tonewatch.store.policies import PolicyTexts
        from tonewatch.store.users import Users

    def now() -> datetime:
        return datetime.now(UTC)

    if target not in list(Target):
        raise SettingsError(f"expected --target {' or '.join(Target)}, came {target!r}")
    settings = Settings.from_environment(os.environ).changed(
        database_url=database, data_dir=data_dir
    )
    with kept_database(settings) as db:
        policies = Policies(db, PolicyTexts(db, now), Audit(db, now))
        user = None if accept is None else Users(db, now).by_name(accept)
        may = (
            user is not None and user.active and Permission.POLICY_CHANGE in PERMISSIONS[user.role]
        )
        if accept is not None and not may:
            raise SettingsError(
                f"expected --accept with the name of a user who may change the rules, came "
                f"{accept!r}; a supervisor or administrator answers for them"
            )
        if restore is not None:
            if user is None:
                raise SettingsError("expected --accept NAME beside --restore, came none; name who")
            made = policies.restore(restore, user.name)
            typer.echo(f"In force again: {made.version}.")
            return
        found = learning.propose(KeptDecisions(db, now), policies, Target(target), now())
        if user is not None:
            policies.set(found.policy, user.name, found.base)
    _tell(found, target, json, accepted=None if user is None else user.name)


def _tell(found: "Refit", target: str, json_out: str | None, accepted: str | None) -> None:
    import json
    from dataclasses import asdict

    from tonewatch.cli.output import write

    if json_out is not None:
        told: dict[str, Any] = {
            "target": target,
            "version": found.policy.version,
            "shifts": dict(found.shifts),
            "before": asdict(found.before),
            "after": asdict(found.after),
            "n_train": found.n_train,
            "n_test": found.n_test,
            "accepted_by": accepted,
            "toml": found.policy.to_toml(),
        }
        write(Path(json_out), json.dumps(told, indent=2) + "\n")
        if json_out == "-":
            return
    typer.echo(f"{found.n_train} earlier decisions learnt from, {found.n_test} later to test.")
    for name, quality in (("before", found.before), ("after", found.after)):
        typer.echo(_line(name, quality))
    typer.echo("Shifts of weights:")
    for cue, shift in sorted(found.shifts.items(), key=lambda each: -abs(each[1]))[:_EACH]:
        typer.echo(f"  {cue:<22} {shift:+.3f}")
    if accepted is None:
        typer.echo(f"Nothing changed. Accept {found.policy.version} with --accept NAME.")
    else:
        typer.echo(f"In force: {found.policy.version}, accepted by {accepted}.")


def _line(name: str, quality: "Quality") -> str:
    def share(each: "Share") -> str:
        if each.value is None:
            return "none"
        return f"{each.value:.2f} ({each.low:.2f} to {each.high:.2f}, n {each.n})"

    return (
        f"{name:<7} log-loss {quality.log_loss:.3f}, precision {share(quality.precision)}, "
        f"recall {share(quality.recall)}"
    )
