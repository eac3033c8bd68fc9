"""Bodies of the control API, and how they are read. Unknown fields are refused with the list of known ones."""

from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

import msgspec
from starlette.requests import Request

from workbadge.commands.errors import CommandError, Problem, invalid, not_found
from workbadge.store import records
from workbadge.store.engine import Tx
from workbadge.terms.ids import NodeId, kind_of, parse_id
from workbadge.terms.kinds import NodeKind

BODY_LIMIT = 1_048_576


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One request's body."""


class SetClock(Body):
    """Exactly one of both."""

    advance: str | None = None
    to: str | None = None


class NewConsent(Body):
    """What a person would choose in the dialog. ``result``: ``token``, ``code`` or, of the OAuth side, ``refresh``."""

    account: str | int
    app: str | int
    scopes: list[str]
    assets: list[str | int] = []
    declined: list[str] = []
    result: str = "token"
    redirect_uri: str | None = None


class NewSystemUserBody(Body):
    """A system user with a token for one app."""

    business: str | int
    app: str | int
    scopes: list[str]
    assets: list[str | int] = []
    name: str = "System user"
    role: str = "EMPLOYEE"


class NewAppBody(Body):
    """A third party's app."""

    name: str
    redirect_uris: list[str] = []
    login_uri: str | None = None
    user_support_url: str | None = None
    user_support_email: str | None = None
    webhook_url: str | None = None
    require_proof: bool = False


class NewConfigurationBody(Body):
    """A login configuration. ``token``: ``user`` or ``system_user``; ``assets``: kinds, default all that the scopes are about."""

    name: str
    scopes: list[str]
    token: str = "user"
    assets: list[str] = []
    expires_in_60_days: bool = False


class NewWebhookBody(Body):
    """A subscription of an app. ``fields`` None: all of the object; ``include_values``: as the dashboard's switch."""

    object: str
    callback_url: str
    verify_token: str
    fields: list[str] | str | None = None
    include_values: bool = True


class NewRoleBody(Body):
    """A role on an app: ``administrators``, ``developers`` or ``testers``."""

    account: str | int
    role: str


class StandingBody(Body):
    """What changes about an app. ``settings``: names of ``docs/guides/apps.md`` to texts, lists or booleans; ``mode``: ``live`` or
    ``development``; ``access``: permissions to ``standard`` or ``advanced``."""

    settings: dict[str, str | bool | list[str]] = {}
    mode: str | None = None
    access: dict[str, str] = {}


class NewEnforcementBody(Body):
    """A restriction of an app. ``kind``: ``api``, ``login``, ``write``, ``permission`` (then with ``scopes``)."""

    kind: str
    reason: str
    scopes: list[str] = []


class NewMembership(Body):
    """A place in a business. ``assets`` None: every asset the business owns."""

    business: str | int
    role: str = "EMPLOYEE"
    assets: list[str | int] | None = None


class NewAccountBody(Body):
    """A person's account. ``kind``: ``personal`` or ``managed`` (with ``organization``)."""

    email: str
    name: str | None = None
    password: str | None = None
    kind: str = "personal"
    organization: str | int | None = None
    memberships: list[NewMembership] = []


class NewAssetBody(Body):
    """An asset of a business, or of none. ``assigned_to`` None: everybody in the business."""

    type: str
    name: str
    business: str | int | None = None
    owner: str | int | None = None
    assigned_to: list[str | int] | None = None
    shared_with: list[str | int] = []


class NewMember(Body):
    """Somebody put into a new business."""

    account: str | int
    role: str = "EMPLOYEE"


class NewBusinessBody(Body):
    """A business, of an organization or of none."""

    name: str
    organization: str | int | None = None
    members: list[NewMember] = []


class NewDomainBody(Body):
    """A domain of an organization: verified at once, as nobody can prove one to a world."""

    organization: str | int
    domain: str


class NewConnectionBody(Body):
    """A connection to an identity provider, on at once. ``type``: ``oidc``, with ``issuer`` and ``client_id``, and with
    ``client_secret`` unless the provider takes a signature (``private_key_jwt``); ``domains``: verified ones of the organization that
    are routed to it; ``required``: their work accounts cannot use passwords; ``creates_accounts``: a first sign-in opens one."""

    organization: str | int
    type: str
    issuer: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    domains: list[str] = []
    name: str = "Identity provider"
    required: bool = False
    creates_accounts: bool = False


class NewMigrationBody(Body):
    """Invite people of a business. ``work_emails`` maps account ids to work addresses (default: proposed)."""

    business: str | int
    accounts: list[str | int]
    deadline: str | None = None
    work_emails: dict[str, str] = {}


class ForAccount(Body):
    """Somebody in a migration, by the personal account's id."""

    account: str | int


class NewExtension(Body):
    """A later end of somebody's grace."""

    account: str | int
    to: str


BodyT = TypeVar("BodyT", bound=Body)


async def read(request: Request, kind: type[BodyT]) -> BodyT:
    """The request's JSON body as ``kind``. Raises CommandError INVALID saying what was expected."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_LIMIT:
            raise CommandError(
                Problem.INVALID,
                "The body is too large.",
                f"at most {BODY_LIMIT} bytes",
                "body",
            )
    known = ", ".join(field.name for field in msgspec.structs.fields(kind))
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid("body", str(error), f"a JSON object with {known}") from error


def body_of(handler: Callable[..., Any]) -> type[Body] | None:
    """What a call's body is read as; None for a call without one."""
    return get_type_hints(handler).get("body")


def node(value: str | int, what: str, *kinds: NodeKind) -> NodeId:
    """An id as the wire writes it (``act_`` before an ad account's is fine). Raises CommandError."""
    text = str(value).removeprefix("act_")
    found = parse_id(text)
    if found is None or (kinds and kind_of(found) not in kinds):
        raise invalid(
            what,
            f"{str(value)[:40]!r} is not the id of {what}.",
            f"the id of {what}, 18 digits",
        )
    return found


async def account_id(tx: Tx, value: str | int) -> int:
    """An account's id; an app-scoped id is understood as well. Raises CommandError."""
    found = node(value, "account", NodeKind.ACCOUNT, NodeKind.SCOPED_ACCOUNT)
    if kind_of(found) is NodeKind.SCOPED_ACCOUNT:
        row = await records.find_by_scoped_id(tx, found)
        if row is None:
            raise not_found("account")
        return int(row.account_id)
    if await records.find_account(tx, found) is None:
        raise not_found("account")
    return found


def wire_id(kind: str, node_id: int) -> str:
    """An asset's id as the wire writes it."""
    return f"act_{node_id}" if kind == NodeKind.AD_ACCOUNT.value else str(node_id)


def as_json(value: Any) -> bytes:
    """JSON text."""
    return msgspec.json.encode(value)
