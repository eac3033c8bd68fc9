"""Dangerous acts ask for a proof that is younger than ten minutes (AC-50, O6)."""

from datetime import timedelta

from starlette.requests import Request

from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.factors import list_protected
from workbadge.terms.methods import read_method

from .sessions import SignedIn
from .state import now_of, site_of

YOUNG = timedelta(minutes=10)


class StepUpError(CommandError):
    """The account must prove itself once more; ``back``: the path of the page that goes on then."""

    def __init__(self, account_id: int, back: str) -> None:
        super().__init__(Problem.FORBIDDEN, "Please confirm that it is you.", "a proof younger than ten minutes")
        self.account_id = account_id
        self.back = back


async def is_protected(request: Request, account: SignedIn) -> bool:
    """Whether the account has a second factor."""
    return bool(await list_protected(site_of(request.scope).services, (account.id,)))


async def proved_lately(request: Request, account: SignedIn) -> bool:
    """Whether in this session, within ten minutes, the account gave the strongest proof that it has: its second factor, or
    its password where it has none."""
    young = account.proven_at is not None and now_of(request.scope) - account.proven_at < YOUNG
    if not young:
        return False
    method = read_method(account.method)
    return (method is not None and method.strong) or not await is_protected(request, account)


async def require_proof(request: Request, account: SignedIn, back: str, only_protected: bool = False) -> None:
    """Raises StepUpError unless the account proved itself lately; ``only_protected``: only one that has a second factor
    must."""
    if only_protected and not await is_protected(request, account):
        return
    if not await proved_lately(request, account):
        raise StepUpError(account.id, back)
