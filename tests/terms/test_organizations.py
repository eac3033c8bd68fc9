"""Who may do what in an organization."""

from workbadge.terms.organizations import MAY, OrganizationAct, OrganizationRole, may, may_act_on, roles_for


def test_an_owner_may_everything_and_nobody_else_gives_roles() -> None:
    """O8: the owner may all; roles are given by owners alone; who only looks changes nothing."""
    assert set(MAY) == set(OrganizationRole)
    assert [act for act in OrganizationAct if not may(OrganizationRole.OWNER, act)] == []
    assert [role for role in OrganizationRole if may(role, OrganizationAct.MANAGE_ROLES)] == [OrganizationRole.OWNER]
    auditor = MAY[OrganizationRole.AUDITOR]
    assert OrganizationAct.SEE_AUDIT in auditor and all(act is OrganizationAct.VIEW or "see" in act for act in auditor)


def test_support_resets_and_reads_nothing_secret() -> None:
    """O8: support sees and resets, and manages nothing."""
    support = MAY[OrganizationRole.SUPPORT]
    assert OrganizationAct.RESET_ACCESS in support
    assert not any(act.startswith("manage") for act in support)


def test_nobody_resets_a_higher_role() -> None:
    """AC-48: an owner acts on everybody, everybody else on lower roles and on people without one."""
    for role in OrganizationRole:
        assert may_act_on(role, None) and may_act_on(OrganizationRole.OWNER, role)
    assert may_act_on(OrganizationRole.IT_MANAGER, OrganizationRole.SUPPORT)
    assert not may_act_on(OrganizationRole.SUPPORT, OrganizationRole.SUPPORT)
    assert not may_act_on(OrganizationRole.SUPPORT, OrganizationRole.OWNER)


def test_a_refusal_names_who_may() -> None:
    """L6: a refusal says which roles it takes."""
    assert roles_for(OrganizationAct.MANAGE_ROLES) == "the role owner"
    assert roles_for(OrganizationAct.MANAGE_MIGRATION) == "the role owner or migration manager"
    assert roles_for(OrganizationAct.SEE_AUDIT) == "the role owner, IT set-up manager or auditor"
