"""Backups: whether there is one, and whether it is new enough."""

from datetime import UTC, datetime, timedelta

from privateshare.errors import PrivateShareError
from privateshare.platform.backups.place import NAME_FORMAT, existing_place
from privateshare.platform.diagnosis.findings import Finding, State
from privateshare.platform.operating.settings import Settings

BACKUP = "backup"
HOUR = timedelta(hours=1)


def newest_backup(settings: Settings, now: datetime) -> Finding:
    """Look for the newest backup at the place that the settings name. Blocks."""
    url = settings.backup_address()
    if url is None:
        advice = "Set PRIVATESHARE_BACKUP_URL, and run privateshare backup every night"
        return Finding(State.WARNING, BACKUP, "no place for backups is set, so their age is not known here", advice)
    try:
        names = existing_place(url).snapshots()
    except (PrivateShareError, OSError) as error:
        reason = error.message if isinstance(error, PrivateShareError) else str(error.strerror)
        return Finding(
            State.PROBLEM,
            BACKUP,
            f"the place for backups cannot be read: {reason}",
            "Look at the place, or make the first backup",
        )
    return judge_backups(names, settings.backup_max_age, now)


def judge_backups(names: list[str], max_age: timedelta, now: datetime) -> Finding:
    """Judge the backups by their names, which are times."""
    made = max((moment for name in names if (moment := _moment_of(name))), default=None)
    if made is None:
        return Finding(State.PROBLEM, BACKUP, "there is none", "Run privateshare backup every night")
    shown = f"the newest is of {made:%Y-%m-%d %H:%M} UTC, {(now - made) / HOUR:.0f} hours ago"
    if now - made > max_age:
        return Finding(State.PROBLEM, BACKUP, shown, "Look why privateshare backup did not run, and run it")
    return Finding(State.OK, BACKUP, shown)


def _moment_of(name: str) -> datetime | None:
    """Return when a backup was made; None if this is not the name of one."""
    try:
        return datetime.strptime(name, NAME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
