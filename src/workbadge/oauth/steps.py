"""The steps of the login dialog: account, permissions, assets, review. ``STEPS`` is the table of forms.

Nothing a form says is believed: the request comes sealed, permissions are taken from what the account is to be asked,
and assets are refused by the consent itself when this account may not select them (MT-17).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.app_status import check_login
from workbadge.commands.consent import (
    OfferedAsset,
    OfferedBusiness,
    Question,
    contexts,
    moved_businesses,
    offer,
    question,
)
from workbadge.commands.errors import CommandError, forbidden
from workbadge.commands.extension import SCOPE as EXTENSION_SCOPE
from workbadge.commands.extension import as_text
from workbadge.commands.grant import Consent, Granted, record_consent
from workbadge.commands.install import NewInstall, had_by_install, install_app, list_administered
from workbadge.commands.services import Services
from workbadge.commands.transaction import in_transaction
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.scopes import SCOPES, Audience, Scope, target_kinds
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn
from workbadge.web.signin import login_address, redirect
from workbadge.web.state import now_of, site_of

from .leaving import answer, check_unanswered
from .request import Asked

KEPT = ("public_profile", "openid")
"""Permissions that a login consists of; the others can be declined one by one."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One run of the dialog in one browser. ``sealed``: the request as the forms carry it."""

    request: Request
    session: BrowserSession
    asked: Asked
    app: Any
    sealed: str

    @property
    def services(self) -> Services:
        """The site's services."""
        return site_of(self.request.scope).services

    @property
    def accounts(self) -> tuple[SignedIn, ...]:
        """Who may answer."""
        only = self.asked.only
        return tuple(one for one in self.session.accounts if not only or one.id in only)

    def find(self, account_id: int | None) -> SignedIn | None:
        """The account with that id, when it may answer."""
        return next((one for one in self.accounts if one.id == account_id), None)

    def page(self, template: str, account: SignedIn | None, status: int = 200, **values: Any) -> Response:
        """A page of the dialog. Its forms may lead to the app's redirect address."""
        root: str = self.request.scope.get("root_path", "")
        return render(
            self.request,
            template,
            status=status,
            csrf=csrf_token(self.request, self.session),
            form_action=[self.asked.redirect_uri],
            app=self.app,
            account=account,
            accounts=self.accounts,
            sealed=self.sealed,
            other=login_address(self.request, self.asked.back, another=True).removeprefix(root),
            **values,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """What the forms say so far. ``granted`` and ``declined``: of the permissions that are asked; ``chosen``: node ids.
    ``business``: the one in which the app is to be installed."""

    granted: tuple[str, ...]
    declined: tuple[str, ...]
    chosen: tuple[int, ...]
    search: str
    business: int | None = None


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
        return flow.page("oauth/mobile.html", account, 403, allowed=allowed)

    if asked.installs and not await _administered(flow, account):
        return flow.page("oauth/no_business.html", account, 403)

    async def work(tx: Tx) -> tuple[Question, str | None]:
        found = await find_question(flow, account, tx)
        if found.standing is None or asked.installs or not asked.redirect_uri.startswith("http"):
            return found, None
        return found, await answer(tx, services, asked, found.standing, account.signed_in_at, now)

    found, leads = await in_transaction(services, work)
    return ask_permissions(flow, account, found, ()) if leads is None else redirect(leads)


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


async def _administered(flow: Flow, account: SignedIn) -> list[tuple[int, str]]:
    """Businesses in which this account may install the app."""
    async with flow.services.store.read() as tx:
        return await list_administered(tx, account.id, now_of(flow.request.scope))


async def _read(flow: Flow, account: SignedIn, form: Any) -> tuple[Question, Choice, list[OfferedBusiness]]:
    """What the form says about what is asked, and what may be selected for it."""
    async with flow.services.store.read() as tx:
        found = await find_question(flow, account, tx)
        ticked, whole = form.getlist("scope"), flow.asked.configuration is not None
        granted = tuple(one for one in found.scopes if whole or one in _kept(flow) or one in ticked)
        declined = tuple(one for one in found.scopes if one not in granted)
        offered: list[OfferedBusiness] = []
        if target_kinds(granted):
            now = now_of(flow.request.scope)
            offered = _limited(await offer(tx, account.id, account.kind, flow.asked.app_id, granted, now), flow.asked)
        business = parse_id(str(form.get("business") or ""))
        had = await had_by_install(tx, flow.asked.app_id, business, _external(flow)) if flow.asked.installs else set()
    given = (parse_id(str(one)) for one in form.getlist("target"))
    chosen = tuple(dict.fromkeys(one for one in given if one is not None))
    search = str(form.get("q") or "").strip()[:100]
    return found, Choice(granted, declined, chosen, search, business), _fitting(flow, business, offered, had)


def _external(flow: Flow) -> str:
    """The maker's own id of the business, of an extension."""
    return "" if flow.asked.extras is None else flow.asked.extras.setup.external_business_id


def _kept(flow: Flow) -> tuple[str, ...]:
    """Permissions that cannot be declined one by one."""
    return KEPT if flow.asked.extras is None else (*KEPT, EXTENSION_SCOPE)


def _fitting(flow: Flow, business: int | None, offered: list[OfferedBusiness], had: set[int]) -> list[OfferedBusiness]:
    """What a configuration lets be selected; where the app is installed, in the one business that was chosen, with what
    the app ``had`` there through its install marked as had before (L2)."""
    if flow.asked.configuration is None and not flow.asked.installs:
        return offered
    fitting: list[OfferedBusiness] = []
    for one in offered:
        assets = (each for each in one.assets if each.kind in flow.asked.kinds)
        marked = tuple(replace(each, before=each.before or each.id in had) for each in assets)
        if marked and (one.id == business or not flow.asked.installs):
            fitting.append(replace(one, assets=marked))
    return fitting


def _limited(offered: list[OfferedBusiness], asked: Asked) -> list[OfferedBusiness]:
    """What is offered, of a reconnect only what is missing."""
    if asked.offered is None:
        return offered
    only = set(asked.offered)
    kept = [replace(one, assets=tuple(asset for asset in one.assets if asset.id in only)) for one in offered]
    return [one for one in kept if one.assets]


def ask_permissions(flow: Flow, account: SignedIn, found: Question, declined: tuple[str, ...]) -> Response:
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
        always=[one.name for one in shown if whole or one.name in _kept(flow)],
        installs=flow.asked.installs,
        extension=flow.asked.extras is not None,
        has_targets=bool(target_kinds(found.scopes)),
    )


async def ask_business(flow: Flow, account: SignedIn, choice: Choice, missing: bool = False) -> Response:
    """The one business in which the app is to be installed (``wire.md`` §4)."""
    places = await _administered(flow, account)
    async with flow.services.store.read() as tx:
        moved = await moved_businesses(tx, account.id, now_of(flow.request.scope))
    only = str(places[0][0]) if len(places) == 1 else None
    return flow.page(
        "oauth/business.html",
        account,
        choice=choice,
        options=[{"value": str(one), "label": name} for one, name in places],
        selected=str(choice.business) if choice.business else only,
        missing=missing,
        moved=moved,
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
    )


async def ask_review(flow: Flow, account: SignedIn, choice: Choice, offered: list[OfferedBusiness]) -> Response:
    """Everything once more before it is allowed."""
    picked = set(choice.chosen)
    into = dict(await _administered(flow, account)).get(choice.business or 0) if flow.asked.installs else None
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
        granted, install_id = await _record(flow, account, found, choice, offered, tx)
        return await answer(tx, services, asked, granted, account.signed_in_at, now, install_id)

    return redirect(await in_transaction(services, work))


async def _record(
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
    as_extension = replace(new, external_business_id=_external(flow), setup=as_text(asked.extras))
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


async def _choose(flow: Flow, account: SignedIn, form: Any) -> Response:
    return await with_account(flow, account)


async def _permissions(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    if flow.asked.installs:
        return await ask_business(flow, account, choice)
    if not target_kinds(choice.granted):
        return await allow(flow, account, found, Choice(choice.granted, choice.declined, (), ""), [])
    return await ask_assets(flow, account, choice, offered)


async def _business(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    if form.get("action") == "back":
        return ask_permissions(flow, account, found, ())
    if choice.business not in dict(await _administered(flow, account)):
        return await ask_business(flow, account, choice, missing=True)
    here = {one.id for business in offered for one in business.assets}
    choice = replace(choice, chosen=tuple(one for one in choice.chosen if one in here))
    if not flow.asked.kinds:
        return await ask_review(flow, account, choice, offered)
    return await ask_assets(flow, account, choice, offered)


async def _assets(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    select, action = str(form.get("select") or ""), form.get("action")
    if select:
        more = [one.id for business in offered for one in business.assets if _selects(select, one, choice)]
        choice = replace(choice, chosen=tuple(dict.fromkeys((*choice.chosen, *more))))
    if select or action == "search":
        return await ask_assets(flow, account, choice, offered)
    if action == "back" and flow.asked.installs:
        return await ask_business(flow, account, choice)
    if action == "back":
        return ask_permissions(flow, account, found, choice.declined)
    return await ask_review(flow, account, choice, offered)


def _selects(select: str, one: OfferedAsset, choice: Choice) -> bool:
    """Whether a button selects an asset: all that the app had before, or all of one kind that are shown."""
    return one.before if select == "before" else one.kind.value == select and _matches(one, choice)


async def _review(flow: Flow, account: SignedIn, form: Any) -> Response:
    found, choice, offered = await _read(flow, account, form)
    if form.get("action") == "allow":
        return await allow(flow, account, found, choice, offered)
    if not flow.asked.kinds:
        return await ask_business(flow, account, choice)
    return await ask_assets(flow, account, choice, offered)


Step: TypeAlias = Callable[[Flow, SignedIn, Any], Awaitable[Response]]

STEPS: dict[str, Step] = {
    "choose": _choose,
    "permissions": _permissions,
    "business": _business,
    "assets": _assets,
    "review": _review,
}
