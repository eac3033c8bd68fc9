"""``authorization_details``: what is asked (§2), and the assets that a token reaches, as they are told (§7, §9.2)."""

from typing import Any

import msgspec

from workbadge.commands.inspection import Reached
from workbadge.oauth.rfc6749.authorization import Authorization, AuthorizationError
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import ASSET_KINDS, NodeKind
from workbadge.terms.reasons import Reason
from workbadge.terms.scopes import SCOPES, Audience

TYPE = "business_asset"
KINDS = frozenset((*ASSET_KINDS, NodeKind.BUSINESS))
_MOST = 50
_MOST_NODES = 1000


class Detail(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One object of the type. ``actions``: names of scopes of a business, asked for as if they stood in ``scope``.
    ``identifier`` and ``identifiers``: the assets to be offered, and none else; without any, all that fit are.
    ``locations``: this server, if given; ``datatypes``: kinds of assets that the identifiers must be of."""

    type: str
    locations: list[str] = []
    actions: list[str] = []
    datatypes: list[str] = []
    identifier: str | None = None
    identifiers: list[str] = []


def _refused(description: str) -> AuthorizationError:
    return AuthorizationError("invalid_authorization_details", description)


def check_details(asked: Authorization) -> None:
    """``authorization_details`` is a list of objects of the type, each member as it must be (§2, §5)."""
    text = asked.values.get("authorization_details")
    if text is None:
        return
    try:
        details = msgspec.json.decode(text, type=list[Detail])
    except (msgspec.DecodeError, RecursionError) as error:
        raise _refused(f"Expected a JSON list of objects of the type {TYPE}: {error}") from error
    if not 1 <= len(details) <= _MOST:
        raise _refused(f"Expected 1 to {_MOST} objects.")
    scopes, nodes = list(asked.scopes if asked.values.get("scope") else ()), list[int]()
    for one in details:
        _check(one, asked.services.base_url)
        scopes += one.actions
        nodes += _nodes(one)
    if not scopes:
        raise _refused("Expected actions, or a scope.")
    if len(nodes) > _MOST_NODES:
        raise _refused(f"Expected at most {_MOST_NODES} identifiers.")
    asked.scopes = tuple(dict.fromkeys(scopes))
    asked.offered = tuple(dict.fromkeys(nodes)) or None
    asked.standard = msgspec.structs.replace(asked.standard, details=True)


def _check(one: Detail, base_url: str) -> None:
    if one.type != TYPE:
        raise _refused(f"Expected the type {TYPE}, got {one.type[:40]}.")
    if any(place.rstrip("/") != base_url for place in one.locations):
        raise _refused(f"Expected locations to hold {base_url} alone.")
    for name in one.actions:
        if name not in SCOPES or SCOPES[name].audience is not Audience.BUSINESS:
            raise _refused(f"{name[:40]} is not an action: expected scopes about assets.")
    known = {kind.value for kind in KINDS}
    if not known.issuperset(one.datatypes):
        raise _refused(f"Expected datatypes out of {', '.join(sorted(known))}.")


def _nodes(one: Detail) -> list[int]:
    """The nodes that an object names. Raises AuthorizationError."""
    found = []
    for text in ([] if one.identifier is None else [one.identifier]) + one.identifiers:
        node = parse_id(text.removeprefix("act_"))
        kind = None if node is None else kind_of(node)
        if node is None or kind not in KINDS or (one.datatypes and kind.value not in one.datatypes):
            raise _refused(f"{text[:40]} is not the id of an asset of these datatypes.")
        found.append(int(node))
    return found


def _actions(kind: NodeKind, scopes: tuple[str, ...]) -> list[str]:
    return [name for name in scopes if kind in SCOPES[name].targets]


def _told(base_url: str, node_id: int, kind: NodeKind, actions: list[str]) -> dict[str, Any]:
    return {
        "type": TYPE,
        "locations": [base_url],
        "actions": actions,
        "datatypes": [kind.value],
        "identifier": f"act_{node_id}" if kind is NodeKind.AD_ACCOUNT else str(node_id),
    }


def describe(base_url: str, reached: list[Reached], scopes: tuple[str, ...]) -> list[dict[str, Any]]:
    """The assets that a token reaches, one object each. ``expires_at`` is there in grace, and is the instant from which the
    asset is not reached any more (I8): what ``user_access_expire_time`` shows."""
    actions = {kind: _actions(kind, scopes) for kind in {one.kind for one in reached}}
    told: list[dict[str, Any]] = []
    for one in reached:
        if not actions[one.kind]:
            continue
        detail = _told(base_url, one.id, one.kind, actions[one.kind])
        if one.allow.because is Reason.GRACE and one.allow.reach_until is not None:
            detail["expires_at"] = to_wire(one.allow.reach_until)
        told.append(detail)
    return told


def describe_selected(base_url: str, node_ids: list[int], scopes: tuple[str, ...]) -> list[dict[str, Any]]:
    """The assets that a grant selected, one object each."""
    kinds = {one: kind for one in node_ids if (kind := kind_of(one)) is not None}
    return [_told(base_url, one, kind, acts) for one, kind in kinds.items() if (acts := _actions(kind, scopes))]
