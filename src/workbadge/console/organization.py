"""An organization's overview, and who has which role in it (O8)."""

from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem, not_found
from workbadge.commands.organization import give_role, take_role
from workbadge.commands.transaction import in_transaction
from workbadge.store import organizations, records
from workbadge.store.engine import Tx
from workbadge.terms.addresses import parse_address
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import AccountKind
from workbadge.terms.organizations import CALLED, OrganizationAct, OrganizationRole
from workbadge.web.step_up import require_proof

from .admin_center import OrganizationFrame, organization_page
from .frame import text_of

SAYS = {
    OrganizationRole.OWNER: "Decides about everything, the roles too.",
    OrganizationRole.IT_MANAGER: "Sets up people, domains, sign-in, provisioning and policy, and reads the audit.",
    OrganizationRole.MIGRATION_MANAGER: "Sees people and set-up, runs migrations, helps people in.",
    OrganizationRole.SUPPORT: "Sees people and set-up, signs people out and sends invitations again.",
    OrganizationRole.AUDITOR: "Sees people, set-up and the audit, and changes nothing.",
}
"""What a role is for, in one sentence."""

_CHOICES = [(role.value, CALLED[role][0].upper() + CALLED[role][1:]) for role in OrganizationRole]


@organization_page("organization", OrganizationAct.VIEW)
async def overview(frame: OrganizationFrame) -> Response:
    """Numbers, verified domains, businesses."""
    key = frame.organization.id
    async with frame.services.store.read() as tx:
        people = await organizations.count_people(tx, key)
        domains = await organizations.list_verified_domains(tx, key)
        businesses = await organizations.list_businesses(tx, key)
        admins = await organizations.list_roles(tx, key)
    return frame.page(
        "organization.html",
        people=people,
        domains=domains,
        businesses=businesses,
        admins=len(admins),
        role=CALLED[frame.role],
    )


@organization_page("organization-roles", OrganizationAct.VIEW)
async def roles(frame: OrganizationFrame) -> Response:
    """Who runs the organization."""
    return await _roles(frame, {}, 200)


async def _roles(frame: OrganizationFrame, errors: dict[str, str], status: int, email: str = "") -> Response:
    async with frame.services.store.read() as tx:
        people = await organizations.list_roles(tx, frame.organization.id)
    return frame.page(
        "organization_roles.html",
        status,
        people=people,
        roles=_CHOICES,
        called=dict(_CHOICES),
        says=[(dict(_CHOICES)[role.value], text) for role, text in SAYS.items()],
        errors=errors,
        email=email,
    )


@organization_page("organization-roles", OrganizationAct.MANAGE_ROLES, form=True)
async def change_roles(frame: OrganizationFrame) -> Response:
    """Give somebody a role, by e-mail, or take one away."""
    await require_proof(frame.request, frame.account, f"{frame.path}/roles", only_protected=True)
    form = await frame.request.form()
    key, actor, now = frame.organization.id, frame.account.id, frame.now
    if text_of(form, "action") == "take":
        person = parse_id(text_of(form, "account")) or 0
        await in_transaction(frame.services, lambda tx: take_role(tx, frame.services, key, person, actor, now))
        return frame.go("/roles", "role-taken") if person != actor else frame.leave()
    wanted, email = text_of(form, "role"), text_of(form, "email").strip()
    if wanted not in list(OrganizationRole):
        raise not_found("role")

    async def give(tx: Tx) -> None:
        person = await _person(tx, email, key)
        await give_role(tx, frame.services, key, person, OrganizationRole(wanted), actor, now)

    try:
        await in_transaction(frame.services, give)
    except CommandError as error:
        if error.problem is Problem.FORBIDDEN:
            raise
        said = "Nobody of this organization has this address." if error.problem is Problem.NOT_FOUND else error.message
        return await _roles(frame, {"email": said}, 400, email[:200])
    return frame.go("/roles", "role-given")


async def _person(tx: Tx, email: str, organization_id: int) -> int:
    """The account with that address: the organization's managed one, else a personal one. Raises NOT_FOUND."""
    try:
        address = parse_address(email)
    except ValueError as error:
        raise not_found("person") from error
    managed = await records.find_account_by_address(tx, AccountKind.MANAGED, address)
    if managed is not None and managed.organization_id == organization_id and managed.deleted_at is None:
        return int(managed.id)
    personal = await records.find_account_by_address(tx, AccountKind.PERSONAL, address)
    if personal is None or personal.deleted_at is not None:
        raise not_found("person")
    return int(personal.id)
