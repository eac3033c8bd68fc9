"""Texts of mails. Plain functions from facts to (subject, body); names are put on one line and never into headers."""

from datetime import datetime, timedelta

from workbadge.terms.instants import DAY
from workbadge.terms.tasks import SAYS, Task

from .coverage import AppCoverage


def one_line(text: str) -> str:
    """A name as it may stand in a subject: controls and line breaks become blanks (WB-16)."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def day(at: datetime) -> str:
    """An instant in words, UTC."""
    return at.strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def length(time: timedelta) -> str:
    """A duration in words: whole days, or hours where it is shorter than two days."""
    days, hours = time // DAY, round(time / timedelta(hours=1))
    return f"{days} days" if days >= 2 else f"{hours} hours" if hours != 1 else "1 hour"


def invitation(
    name: str,
    business: str,
    organization: str,
    work_email: str,
    link: str,
    deadline: datetime | None,
    grace: timedelta,
) -> tuple[str, str]:
    """The claim link (M3)."""
    until = (
        f"\nPlease do it before {day(deadline)}: after that your present login no longer opens it.\n"
        if deadline
        else ""
    )
    return one_line(f"Claim your work account for {business}"), (
        f"Hello {one_line(name)},\n\n{one_line(organization)} moves {one_line(business)} to managed accounts. Yours is "
        f"{work_email}.\n\nClaim it here, with your present login at hand:\n\n{link}\n{until}\n"
        "The link is for you alone and works once. What you may do stays the same; apps that act for you keep\n"
        f"working for {length(grace)} after that and need to be connected again meanwhile.\n"
    )


def joining(inviter: str, business: str, link: str, expires: datetime) -> tuple[str, str]:
    """An invitation to join a business."""
    return one_line(f"You are invited to {business}"), (
        f"Hello,\n\n{one_line(inviter)} invites you to work in {one_line(business)}. Sign in with this address and accept:\n\n"
        f"{link}\n\nThe link works until {day(expires)}, for a login with this address only. If you do not know why you "
        "were invited, ignore this mail; nothing happens.\n"
    )


def claim_reminder(name: str, business: str, deadline: datetime) -> tuple[str, str]:
    """Before the deadline (M3)."""
    return one_line(f"Your work account for {business} is waiting"), (
        f"Hello {one_line(name)},\n\nyou have not claimed your work account for {one_line(business)} yet. Your present login "
        f"opens it until {day(deadline)}. The link is in your invitation; an admin can send it again.\n"
    )


def deadline_missed(name: str, business: str) -> tuple[str, str]:
    """The deadline has passed (M10)."""
    return one_line(f"Your login no longer opens {business}"), (
        f"Hello {one_line(name)},\n\nthe deadline for claiming your work account has passed, so your personal login and the "
        f"apps that use it no longer reach {one_line(business)}. You can still claim the account with the link in your "
        "invitation; apps then have to be connected again.\n"
    )


def _apps(apps: list[AppCoverage]) -> str:
    """Affected apps with help address, support e-mail, link (B4)."""
    lines = []
    for app in apps:
        lines.append(f"- {one_line(app.name)} ({app.assets_covered} of {app.assets_total} assets connected again)")
        lines.append(f"  Reconnect: {app.reconnect_url}")
        if app.user_help:
            lines.append(f"  {app.user_help}")
    return "\n".join(lines)


def claimed(name: str, business: str, cut_off: datetime | None, apps: list[AppCoverage]) -> tuple[str, str]:
    """After the claim (B5)."""
    if not apps or cut_off is None:
        rest = "No app of yours needs to be connected again.\n"
    else:
        rest = (
            f"These apps still work through your old login, until {day(cut_off)}. Connect each of them again with your work "
            f"account and select the same assets:\n\n{_apps(apps)}\n"
        )
    return (
        one_line(f"Your work account for {business} is ready"),
        f"Hello {one_line(name)},\n\nyou now open {one_line(business)} with your work account.\n\n{rest}",
    )


def reconnect_reminder(
    name: str, business: str, cut_off: datetime, days: int, apps: list[AppCoverage]
) -> tuple[str, str]:
    """Before the cut-off (B5)."""
    left = "1 day" if days == 1 else f"{days} days"
    count = "1 app" if len(apps) == 1 else f"{len(apps)} apps"
    return one_line(f"{left} left to reconnect {count} in {business}"), (
        f"Hello {one_line(name)},\n\non {day(cut_off)} your old login loses {one_line(business)}. These apps are not connected "
        f"again yet:\n\n{_apps(apps)}\n"
    )


def cut_off_reached(name: str, business: str, apps: list[AppCoverage]) -> tuple[str, str]:
    """At the cut-off (B5)."""
    if apps:
        rest = f"These apps were not connected again and no longer reach it. You can still do it at any time:\n\n{_apps(apps)}\n"
    else:
        rest = "Every app was connected again in time.\n"
    return (
        one_line(f"Your old login no longer reaches {business}"),
        f"Hello {one_line(name)},\n\nthe time for moving is over: your personal login no longer reaches {one_line(business)}.\n\n{rest}",
    )


def _tasks(tasks: Task) -> str:
    return "\n".join(f"- {SAYS[one]}" for one in Task if one in tasks)


def access_asked(
    partner: str, person: str | None, business: str, asset: str, tasks: Task, link: str
) -> tuple[str, str]:
    """To the admins of a business whose asset another asks for."""
    who = one_line(partner) if person is None else f"{one_line(person)} of {one_line(partner)}"
    return one_line(f"{partner} asks for access to {asset}"), (
        f"Hello,\n\n{who} asks {one_line(business)} for access to {one_line(asset)}:\n\n{_tasks(tasks)}\n\n"
        f"Accept or decline it here:\n\n{link}\n\nNothing is shared until an admin accepts. What else "
        f"{one_line(partner)} asks for within a day stands on that page, without a mail of its own.\n"
    )


def access_given(partner: str, owner: str, asset: str, tasks: Task, link: str) -> tuple[str, str]:
    """To the admins of a business that asked for an asset and was lent it."""
    return one_line(f"{partner} now has access to {asset}"), (
        f"Hello,\n\n{one_line(owner)} lent {one_line(partner)} what it asked for. On {one_line(asset)} it may now:\n\n"
        f"{_tasks(tasks)}\n\nGive your people and apps their tasks on it here:\n\n{link}\n"
    )


def access_declined(partner: str, asset_id: int, link: str) -> tuple[str, str]:
    """To the admins of a business whose request was declined; of the asset only the id that was typed is told (MT-01)."""
    return one_line(f"A request of {partner} was declined"), (
        f"Hello,\n\n{one_line(partner)} asked for access to {asset_id}. The request was declined, and nothing was shared.\n\n"
        f"Your requests:\n\n{link}\n"
    )
