"""What a plan's refusal says to people: one table."""

from workbadge.lifecycle.changes import Plan, Refusal
from workbadge.terms.instants import to_wire

from .errors import conflict


def check_plan(plan: Plan) -> None:
    """Raises CommandError for a plan that refuses."""
    if plan.refusal is not None:
        message, expected = _SAYS.get(plan.refusal, ("This cannot be done now.", "another state"))
        limit = f" ({to_wire(plan.limit)})" if plan.limit is not None else ""
        raise conflict(message + limit, expected, plan.refusal, plan.limit)


_SAYS: dict[Refusal, tuple[str, str]] = {
    Refusal.NOT_INVITED: ("This invitation is no longer open.", "an open invitation"),
    Refusal.LINK_EXPIRED: (
        "This claim link has expired.",
        "a fresh link: ask an admin to send the invitation again",
    ),
    Refusal.ALREADY_CLAIMED: (
        "The managed account was claimed already.",
        "somebody who has not claimed",
    ),
    Refusal.WRONG_PERSON: (
        "The logins do not belong to the invited person.",
        "the logins of the invited person",
    ),
    Refusal.NOT_A_MEMBER: (
        "The person is not a member of this business any more.",
        "an open membership",
    ),
    Refusal.NOT_CLAIMED: (
        "The person is not in grace.",
        "somebody who has claimed and was not rolled back",
    ),
    Refusal.AFTER_CUT_OFF: ("The cut-off is over.", "an instant before the cut-off"),
    Refusal.BEYOND_LIMIT: (
        "This is beyond the longest grace that the platform allows.",
        "an earlier instant",
    ),
    Refusal.NOT_LATER: (
        "A grace can only be made longer.",
        "an instant after the present cut-off",
    ),
    Refusal.IN_THE_PAST: ("The deadline lies in the past.", "a later instant"),
    Refusal.LAST_ADMIN: ("At least one admin must remain.", "another admin first"),
    Refusal.NOTHING_TO_DO: ("It is so already.", "a change"),
}
