"""The steps of the login dialog: account, permissions, assets, review. ``STEPS`` is the table of forms.

Nothing a form says is believed: the request comes sealed, permissions are taken from what the account is to be asked,
and assets are refused by the consent itself when this account may not select them (MT-17).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

from starlette.responses import Response

from workbadge.commands.app_status import check_login
from workbadge.commands.consent import OfferedAsset, OfferedBusiness, Question, moved_businesses, offer, question
from workbadge.commands.errors import CommandError
from workbadge.commands.initiated_login import start_at_app
from workbadge.commands.transaction import in_transaction
from workbadge.store.engine import Tx
from workbadge.terms.ids import parse_id
from workbadge.terms.scopes import SCOPES, Audience, Scope, target_kinds
from workbadge.web.sessions import SignedIn
from workbadge.web.signin import redirect
from workbadge.web.state import now_of

from .flow import KEPT, Choice, Flow
from .installing import ask_business, fitting, list_places, list_stages, place_and_had, record
from .leaving import answer, answer_unasked, check_unanswered
from .request import Asked


def choose_account(flow: Flow) -> Response:
    """The account chooser (L1)."""
    return flow.page("oauth/choose.html", None)


async def with_account(flow: Flow, account: SignedIn) -> Response:
    """The dialog once the account is known: refuse it on mobile, go straight back, or ask."""
    services, now, asked = flow.services, now_of(flow.request.scope), flow.asked
    closed = await _closed(flow, account)
    if closed is not None:
        return closed
    if asked.mobile and account.managed and (not services.policy.mobile_managed_login or asked.challenge is None):
        allowed = services.policy.mobile_managed_login
        web = start_at_app(flow.app.login_uri, services.base_url) if flow.app.login_uri else None
        return flow.page("oauth/mobile.html", account, 403, allowed=allowed, web=web)

    if asked.installs and not await list_places(flow, account):
        return flow.page("oauth/no_business.html", account, 403)

    async def work(tx: Tx) -> tuple[Question, str | None]:
        found = await find_question(flow, account, tx)
        if found.standing is None or asked.installs or not asked.redirect_uri.startswith("http"):
            return found, None
        return found, await answer_unasked(tx, services, asked, found.standing, account, now)

    found, leads = await in_transaction(services, work)
    return redirect(leads) if leads is not None else await ask_permissions(flow, account, found, ())


async def _closed(flow: Flow, account: SignedIn) -> Response | None:
    """The page that says why this account cannot log in to the app at present (``wire.md`` §6.8); None when it can."""
    try:
        async with flow.services.store.read() as tx:
            await check_login(tx, flow.app, account.id, account.kind)
    except CommandError as error:
        hint = f"What helps: {error.expected}. You can use another account, or go back to the app."
        return flow.page("oauth/closed.html", account, 403, said=error.message, hint=hint)
    return None


async def find_question(flow: Flow, account: SignedIn, tx: Tx) -> Question:
    """What is to be asked of the account."""
    asked, now = flow.asked, now_of(flow.request.scope)
    whole = asked.configuration is not None
    again, named = asked.rerequest, asked.offered or ()
    return await question(tx, account.id, account.kind, asked.app_id, asked.scopes, again, now, whole, named)


async def _read(flow: Flow, account: SignedIn, form: Any) -> tuple[Question, Choice, list[OfferedBusiness]]:
    """What the form says about what is asked, and what may be selected for it."""
    async with flow.services.store.read() as tx:
        found = await find_question(flow, account, tx)
        ticked, whole = form.getlist("scope"), flow.asked.configuration is not None
        granted = tuple(one for one in found.scopes if whole or one in flow.kept or one in ticked)
        declined = tuple(one for one in found.scopes if one not in granted)
        offered: list[OfferedBusiness] = []
        if target_kinds(granted):
            now = now_of(flow.request.scope)
            offered = _limited(await offer(tx, account.id, account.kind, flow.asked.app_id, granted, now), flow.asked)
        business, had = await place_and_had(flow, account, form, tx) if flow.asked.installs else (None, set[int]())
    given = (parse_id(str(one)) for one in form.getlist("target"))
    chosen = tuple(dict.fromkeys(one for one in given if one is not None))
    search = str(form.get("q") or "").strip()[:100]
    return found, Choice(granted, declined, chosen, search, business), fitting(flow, business, offered, had)


def _limited(offered: list[OfferedBusiness], asked: Asked) -> list[OfferedBusiness]:
    """What is offered, of a reconnect only what is missing."""
    if asked.offered is None:
        return offered
    only = set(asked.offered)
    kept = [replace(one, assets=tuple(asset for asset in one.assets if asset.id in only)) for one in offered]
    return [one for one in kept if one.assets]


async def ask_permissions(flow: Flow, account: SignedIn, found: Question, declined: tuple[str, ...]) -> Response:
    """What the app asks for; every permission beyond the login itself can be declined."""
    shown = [one for name, one in SCOPES.items() if name in found.scopes]
    whole = flow.asked.configuration is not None
    return flow.page(
        "oauth/permissions.html",
        account,
        login=[one for one in shown if one.name in KEPT],
        person=[one for one in shown if one.name not in KEPT and one.audience is not Audience.BUSINESS],
        business=[one for one in shown if one.audience is Audience.BUSINESS],
        declined=declined,
        whole=whole,
        always=[one.name for one in shown if whole or one.name in flow.kept],
        installs=flow.asked.installs,
        stages=await list_stages(flow, account),
        extension=flow.asked.extras is not None,
        has_targets=bool(target_kinds(found.scopes)),
    )


def _matches(one: OfferedAsset, choice: Choice) -> bool:
    name = one.name.casefold()
    return choice.search == str(one.id) or all(word in name for word in choice.search.casefold().split())


async def ask_assets(flow: Flow, account: SignedIn, choice: Choice, offered: list[OfferedBusiness]) -> Response:
    """Businesses and assets, from scratch (L2): ticked is only what the person ticked in this run."""
    chosen, tree, hidden = set(choice.chosen), [], []
    for business in offered:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for one in business.assets:
            if _matches(one, choice):
                item = {"id": str(one.id), "name": one.name, "before": one.before, "checked": one.id in chosen}
                kinds.setdefault(one.kind.value, []).append(item)
            elif one.id in chosen:
                hidden.append(one.id)
        if kinds:
            groups = [{"kind": kind, "items": items} for kind, items in kinds.items()]
            tree.append({"name": business.name, "groups": groups})
    async with flow.services.store.read() as tx:
        moved = await moved_businesses(tx, account.id, now_of(flow.request.scope))
    return flow.page(
        "oauth/assets.html",
        account,
        choice=choice,
        tree=tree,
        hidden=hidden,
        offered=sum(len(business.assets) for business in offered),
        kinds=sorted({one.kind.value for business in offered for one in business.assets}),
        before=sum(one.before for business in offered for one in business.assets),
        moved=moved,
        reconnect=flow.asked.link is not None,
        installs=flow.asked.installs,
        stages=await list_stages(flow, account),
    )


async def ask_review(flow: Flow, account: SignedIn, choice: Choice, offered: list[OfferedBusiness]) -> Response:
    """Everything once more before it is allowed."""
    picked = set(choice.chosen)
    into = dict(await list_places(flow, account)).get(choice.business or 0) if flow.asked.installs else None
    summary = [(business.name, [one for one in business.assets if one.id in picked]) for business in offered]
    return flow.page(
        "oauth/review.html",
        account,
        choice=choice,
        may=_scopes(choice.granted),
        may_not=_scopes(choice.declined),
        summary=[(name, assets) for name, assets in summary if assets],
        total=sum(len(assets) for _, assets in summary),
        into=into,
        stages=await list_stages(flow, account),
        extension=flow.asked.extras is not None,
        life=flow.asked.configuration.life if flow.asked.configuration else None,
    )


def _scopes(names: tuple[str, ...]) -> list[Scope]:
    return [one for name, one in SCOPES.items() if name in names]


async def allow(
    flow: Flow, account: SignedIn, found: Question, choice: Choice, offered: list[OfferedBusiness]
) -> Response:
    """Record the consent and go back to the app."""
    services, asked, now = flow.services, flow.asked, now_of(flow.request.scope)

    async def work(tx: Tx) -> str:
        await check_unanswered(tx, services, asked, choice.granted)
        granted, install_id = await record(flow, account, found, choice, offered, tx)
        return await answer(tx, services, asked, granted, account, now, install_id)

    return redirect(await in_transaction(services, work))


async def _choose(flow: Flow, account: SignedIn, form: Any) -> Response:
    return await with_account(flow, account)


async def _permissions(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    if flow.asked.installs:
        return await _in_business(flow, account, choice, offered)
    if not target_kinds(choice.granted):
        return await allow(flow, account, found, Choice(choice.granted, choice.declined, (), ""), [])
    return await ask_assets(flow, account, choice, offered)


async def _business(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    if form.get("action") == "back":
        return await ask_permissions(flow, account, found, choice.declined)
    return await _in_business(flow, account, choice, offered, missing=True)


async def _in_business(
    flow: Flow, account: SignedIn, choice: Choice, offered: list[OfferedBusiness], missing: bool = False
) -> Response:
    """On to the assets of the business that was chosen, or the question which one."""
    if choice.business not in dict(await list_places(flow, account)):
        return await ask_business(flow, account, choice, missing)
    here = {one.id for business in offered for one in business.assets}
    choice = replace(choice, chosen=tuple(one for one in choice.chosen if one in here))
    return await (ask_assets if flow.asked.kinds else ask_review)(flow, account, choice, offered)


async def _back_from_assets(flow: Flow, account: SignedIn, found: Question, choice: Choice) -> Response:
    if flow.asked.installs and len(await list_places(flow, account)) > 1:
        return await ask_business(flow, account, choice)
    return await ask_permissions(flow, account, found, choice.declined)


async def _assets(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    select, action = str(form.get("select") or ""), form.get("action")
    if select:
        more = [one.id for business in offered for one in business.assets if _selects(select, one, choice)]
        choice = replace(choice, chosen=tuple(dict.fromkeys((*choice.chosen, *more))))
    if select or action == "search":
        return await ask_assets(flow, account, choice, offered)
    if action == "back":
        return await _back_from_assets(flow, account, found, choice)
    return await ask_review(flow, account, choice, offered)


def _selects(select: str, one: OfferedAsset, choice: Choice) -> bool:
    """Whether a button selects an asset: all that the app had before, or all of one kind that are shown."""
    return one.before if select == "before" else one.kind.value == select and _matches(one, choice)


async def _review(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    if form.get("action") == "allow":
        return await allow(flow, account, found, choice, offered)
    if flow.asked.installs and not flow.asked.kinds:
        return await _back_from_assets(flow, account, found, choice)
    return await ask_assets(flow, account, choice, offered)


Step: TypeAlias = Callable[[Flow, SignedIn, Any], Awaitable[Response]]

STEPS: dict[str, Step] = {
    "choose": _choose,
    "permissions": _permissions,
    "business": _business,
    "assets": _assets,
    "review": _review,
}
