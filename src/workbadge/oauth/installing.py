"""The dialog where an app is installed in a business: which one, what may be selected there, and recording it (``wire.md`` §4, §5).

Who administers one business alone is not asked which: the next page and the review name it.
"""

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from workbadge.commands.consent import OfferedBusiness, Question, contexts, moved_businesses
from workbadge.commands.errors import forbidden
from workbadge.commands.extension import as_text
from workbadge.commands.grant import Consent, Granted, record_consent
from workbadge.commands.install import NewInstall, had_by_install, install_app, list_administered
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.web.sessions import SignedIn
from workbadge.web.state import now_of

from .flow import Choice, Flow


async def list_places(flow: Flow, account: SignedIn) -> list[tuple[int, str]]:
    """Businesses in which this account may install the app."""
    async with flow.services.store.read() as tx:
        return await list_administered(tx, account.id, now_of(flow.request.scope))


async def list_stages(flow: Flow, account: SignedIn) -> list[str]:
    """Names of the pages that this run leads through."""
    if not flow.asked.installs:
        return ["Permissions", "Assets", "Review"]
    business = ["Business"] if len(await list_places(flow, account)) > 1 else []
    return ["Permissions", *business, *(["Assets"] if flow.asked.kinds else []), "Review"]


def external_id(flow: Flow) -> str:
    """The maker's own id of the business, of an extension; else empty."""
    return "" if flow.asked.extras is None else flow.asked.extras.setup.external_business_id


async def place_and_had(flow: Flow, account: SignedIn, form: Any, tx: Tx) -> tuple[int | None, set[int]]:
    """The business that a form names, or the only one there is, and what the app has there through an install."""
    business: int | None = parse_id(str(form.get("business") or ""))
    if business is None:
        places = await list_administered(tx, account.id, now_of(flow.request.scope))
        business = places[0][0] if len(places) == 1 else None
    return business, await had_by_install(tx, flow.asked.app_id, business, external_id(flow))


def fitting(flow: Flow, business: int | None, offered: list[OfferedBusiness], had: set[int]) -> list[OfferedBusiness]:
    """What a configuration lets be selected; where the app is installed, in the one business that was chosen, with what
    the app ``had`` there through its install marked as had before (L2)."""
    if flow.asked.configuration is None and not flow.asked.installs:
        return offered
    kept: list[OfferedBusiness] = []
    for one in offered:
        assets = (each for each in one.assets if each.kind in flow.asked.kinds)
        marked = tuple(replace(each, before=each.before or each.id in had) for each in assets)
        if marked and (one.id == business or not flow.asked.installs):
            kept.append(replace(one, assets=marked))
    return kept


async def ask_business(flow: Flow, account: SignedIn, choice: Choice, missing: bool = False) -> Response:
    """The one business in which the app is to be installed (``wire.md`` §4)."""
    places = await list_places(flow, account)
    async with flow.services.store.read() as tx:
        moved = await moved_businesses(tx, account.id, now_of(flow.request.scope))
    return flow.page(
        "oauth/business.html",
        account,
        choice=choice,
        options=[{"value": str(one), "label": name} for one, name in places],
        selected=str(choice.business or ""),
        stages=await list_stages(flow, account),
        missing=missing,
        moved=moved,
    )


async def record(
    flow: Flow, account: SignedIn, found: Question, choice: Choice, offered: list[OfferedBusiness], tx: Tx
) -> tuple[Granted, int | None]:
    """The person's consent, or the install with that of its system user."""
    services, asked, now = flow.services, flow.asked, now_of(flow.request.scope)
    if asked.configuration is not None and any(kind_of(one) not in asked.kinds for one in choice.chosen):
        raise forbidden("This app asks for other kinds of assets.", "assets that were offered")
    if not asked.installs:
        return await _consent(flow, account, found, choice, offered, tx), None
    under = None if asked.configuration is None else asked.configuration.id
    new = NewInstall(asked.app_id, choice.business or 0, account.id, choice.granted, choice.chosen, under)
    if asked.extras is None:
        installed = await install_app(tx, services, new, now)
        return installed.granted, installed.id
    granted = await _consent(flow, account, found, choice, offered, tx)
    as_extension = replace(new, external_business_id=external_id(flow), setup=as_text(asked.extras))
    await install_app(tx, services, as_extension, now)
    return granted, None


async def _consent(
    flow: Flow, account: SignedIn, found: Question, choice: Choice, offered: list[OfferedBusiness], tx: Tx
) -> Granted:
    """The person's own consent; with an extension it is about its business alone, and leaves others as they are."""
    services, asked, now = flow.services, flow.asked, now_of(flow.request.scope)
    targets = contexts(offered, list(choice.chosen))
    declined = (*found.refused, *choice.declined)
    limit = None if asked.offered is None else frozenset(asked.offered)
    if asked.extras is not None and choice.business is not None:
        targets[choice.business] = choice.business
        limit = frozenset({choice.business, *(one.id for each in offered for one in each.assets)})
    if asked.grant_action == "merge":
        limit = frozenset(choice.chosen) & (limit or frozenset(choice.chosen))
    scopes, replaces = (*choice.granted, *declined), asked.grant_action == "replace"
    consent = Consent(account.id, asked.app_id, scopes, declined, targets, limit, replaces)
    return await record_consent(tx, services, consent, now)
