"""A person's token for that of an install's system user: the swap of the Business Extension, as RFC 8693 has it (L4, MT-20, MT-21)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workbadge.access import Ask, Deny, decide
from workbadge.keys import hash_secret, read_token
from workbadge.store import business_login, facts, grants
from workbadge.store.engine import Tx
from workbadge.terms.kinds import Act, NodeKind, TokenKind
from workbadge.terms.tasks import tasks_for

from .errors import CommandError
from .extension import SCOPE
from .install_token import swap_token
from .services import Services
from .token import ALIVE, Issued
from .transaction import in_transaction

_ADMIN = Ask(
    Act.WRITE,
    scopes=frozenset({SCOPE, "business_management"}),
    tasks=tasks_for(NodeKind.BUSINESS, Act.MANAGE),
)


class ExchangeRefusal(StrEnum):
    """Why an exchange is refused."""

    SUBJECT = "subject"  # the token is not a live one of a person for this app
    TARGET = "target"  # the app has no install in that business that this person administers
    SCOPE = "scope"  # the business did not allow it to the install


class ExchangeError(Exception):
    """An exchange is refused; nothing was minted."""

    def __init__(self, refusal: ExchangeRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a client asks for. ``external``: its own id of the business, None where there is one install only. ``scopes``: in the
    stored form; empty: all that the install has."""

    subject: str
    business_id: int
    external: str | None
    scopes: tuple[str, ...]


async def exchange_token(services: Services, app_id: int, wanted: Exchange, now: datetime) -> Issued:
    """The token of the install's system user; the same one each time while it lives. Raises ExchangeError.

    The subject is a person's plain token: one that is bound to a key is not turned into one that is not.
    """
    text = read_token(wanted.subject)
    if text is None:
        raise ExchangeError(ExchangeRefusal.SUBJECT)
    hashed = hash_secret(text)

    async def work(tx: Tx) -> Issued:
        loaded = await facts.load(tx, hashed, wanted.business_id)
        token = None if loaded is None else loaded.facts.token
        if loaded is None or token is None or loaded.app_id != app_id or token.kind is not TokenKind.USER:
            raise ExchangeError(ExchangeRefusal.SUBJECT)
        if isinstance(decide(loaded.facts, ALIVE, now), Deny) or loaded.facts.account is None:
            raise ExchangeError(ExchangeRefusal.SUBJECT)
        rows = await business_login.list_extensions(tx, app_id, wanted.external, wanted.business_id)
        if len(rows) != 1 or isinstance(decide(loaded.facts, _ADMIN, now), Deny):
            raise ExchangeError(ExchangeRefusal.TARGET)
        scopes = wanted.scopes or await _all_scopes(tx, rows[0].account_id, app_id)
        try:
            return await swap_token(tx, services, rows[0], scopes, loaded.facts.account.id, now)
        except CommandError as error:
            raise ExchangeError(ExchangeRefusal.SCOPE) from error

    return await in_transaction(services, work)


async def _all_scopes(tx: Tx, account_id: int, app_id: int) -> tuple[str, ...]:
    grant = await grants.find_grant(tx, account_id, app_id)
    return () if grant is None else tuple(facts.scope_list(grant.scopes))
