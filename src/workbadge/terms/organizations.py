"""Who runs an organization: the roles of O8, and which of them may do what. One table."""

from enum import StrEnum


class OrganizationRole(StrEnum):
    """A person's role in an organization (O8), the highest first."""

    OWNER = "owner"
    IT_MANAGER = "it_manager"
    MIGRATION_MANAGER = "migration_manager"
    SUPPORT = "support"
    AUDITOR = "auditor"


class OrganizationAct(StrEnum):
    """What somebody does in the Admin Center. ``SEE_*`` changes nothing."""

    VIEW = "view"  # opens the Admin Center
    SEE_PEOPLE = "see_people"
    MANAGE_PEOPLE = "manage_people"  # add, import, suspend, let in again
    RESET_ACCESS = "reset_access"  # sign out everywhere, reset factors, send an invitation again; no secret is shown
    MANAGE_GROUPS = "manage_groups"
    SEE_DOMAINS = "see_domains"
    MANAGE_DOMAINS = "manage_domains"
    SEE_CONNECTIONS = "see_connections"
    MANAGE_CONNECTIONS = "manage_connections"
    SEE_PROVISIONING = "see_provisioning"
    MANAGE_PROVISIONING = "manage_provisioning"
    SEE_POLICY = "see_policy"
    MANAGE_POLICY = "manage_policy"
    SEE_AUDIT = "see_audit"
    MANAGE_MIGRATION = "manage_migration"
    MANAGE_ROLES = "manage_roles"


_SEES = frozenset(
    {
        OrganizationAct.VIEW,
        OrganizationAct.SEE_PEOPLE,
        OrganizationAct.SEE_DOMAINS,
        OrganizationAct.SEE_CONNECTIONS,
        OrganizationAct.SEE_PROVISIONING,
        OrganizationAct.SEE_POLICY,
    }
)
_SETS_UP = frozenset(
    {
        OrganizationAct.MANAGE_PEOPLE,
        OrganizationAct.RESET_ACCESS,
        OrganizationAct.MANAGE_GROUPS,
        OrganizationAct.MANAGE_DOMAINS,
        OrganizationAct.MANAGE_CONNECTIONS,
        OrganizationAct.MANAGE_PROVISIONING,
        OrganizationAct.MANAGE_POLICY,
        OrganizationAct.SEE_AUDIT,
    }
)

MAY: dict[OrganizationRole, frozenset[OrganizationAct]] = {
    OrganizationRole.OWNER: frozenset(OrganizationAct),
    OrganizationRole.IT_MANAGER: _SEES | _SETS_UP,
    OrganizationRole.MIGRATION_MANAGER: _SEES | {OrganizationAct.RESET_ACCESS, OrganizationAct.MANAGE_MIGRATION},
    OrganizationRole.SUPPORT: _SEES | {OrganizationAct.RESET_ACCESS},
    OrganizationRole.AUDITOR: _SEES | {OrganizationAct.SEE_AUDIT},
}
"""The whole policy: silence is no."""

CALLED: dict[OrganizationRole, str] = {
    OrganizationRole.OWNER: "owner",
    OrganizationRole.IT_MANAGER: "IT set-up manager",
    OrganizationRole.MIGRATION_MANAGER: "migration manager",
    OrganizationRole.SUPPORT: "support",
    OrganizationRole.AUDITOR: "auditor",
}
"""The roles in words."""


def may(role: OrganizationRole, act: OrganizationAct) -> bool:
    """Whether a role may do that."""
    return act in MAY[role]


def may_act_on(role: OrganizationRole, subject: OrganizationRole | None) -> bool:
    """Whether who has ``role`` may suspend or reset somebody with the role ``subject`` (None: with no role).

    Nobody but an owner acts on an owner, or on somebody of the own role (AC-48: no way up by resetting a higher role).
    """
    if role is OrganizationRole.OWNER or subject is None:
        return True
    ranks = list(OrganizationRole)
    return ranks.index(subject) > ranks.index(role)


def roles_for(act: OrganizationAct) -> str:
    """The roles that may do that, in words, for a refusal."""
    able = [CALLED[role] for role in OrganizationRole if may(role, act)]
    return "the role " + (able[0] if len(able) == 1 else f"{', '.join(able[:-1])} or {able[-1]}")
