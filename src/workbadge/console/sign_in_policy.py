"""The Admin Center's Policy page: what an organization demands of sign-ins (O6)."""

from datetime import timedelta

from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem, invalid
from workbadge.commands.sign_in_policy import SignInPolicy, load_policy, set_policy
from workbadge.terms.instants import DAY
from workbadge.terms.organizations import OrganizationAct
from workbadge.web.step_up import require_proof

from .admin_center import OrganizationFrame, organization_page
from .frame import text_of


@organization_page("organization-policy", OrganizationAct.SEE_POLICY)
async def policy(frame: OrganizationFrame) -> Response:
    """What is demanded now."""
    async with frame.services.store.read() as tx:
        found = await load_policy(tx, frame.organization.id)
    given = {
        "demanded": "1" if found.since is not None else "",
        "grace": str(found.grace // DAY),
        "session": _minutes(found.session),
        "idle": _minutes(found.idle),
    }
    return _page(frame, given, {}, 200)


def _page(frame: OrganizationFrame, given: dict[str, str], errors: dict[str, str], status: int) -> Response:
    platform = frame.services.policy
    return frame.page(
        "organization_policy.html",
        status,
        given=given,
        errors=errors,
        most={"session": _minutes(platform.session), "idle": _minutes(platform.session_idle)},
    )


def _minutes(length: timedelta | None) -> str:
    return "" if length is None else str(length // timedelta(minutes=1))


@organization_page("organization-policy", OrganizationAct.MANAGE_POLICY, form=True)
async def change(frame: OrganizationFrame) -> Response:
    """Demand something else."""
    await require_proof(frame.request, frame.account, f"{frame.path}/policy", only_protected=True)
    form = await frame.request.form()
    given = {name: text_of(form, name).strip() for name in ("demanded", "grace", "session", "idle")}
    try:
        days = _read("grace", given["grace"])
        lengths = [_read(name, given[name]) for name in ("session", "idle")]
        session, idle = (None if one is None else timedelta(minutes=one) for one in lengths)
        wanted = SignInPolicy(frame.now if given["demanded"] else None, timedelta(days=days or 0), session, idle)
        await set_policy(frame.services, frame.organization.id, frame.account.id, wanted, frame.now)
    except CommandError as error:
        if error.problem is not Problem.INVALID:
            raise
        expected = f" Expected: {error.expected}." if error.expected else ""
        return _page(frame, given, {error.field: f"{error.message}{expected}"}, 400)
    return frame.go("/policy", "saved")


def _read(name: str, text: str) -> int | None:
    """A whole number; None for an empty field. Raises INVALID."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise invalid(name, "This is not a whole number.", "a number such as 30")
    return int(text)
