"""The control API of a world: JSON under a bearer token (issue: the seam for black-box tests).

Every handler calls the same commands as the pages do, under the same rules. Errors are
``{"error": {"code", "message", "expected"}}`` with a 4xx status.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbadge.commands import claim, migration, portfolio, registration
from workbadge.commands.client import find_client
from workbadge.commands.errors import CommandError, Problem, invalid, not_found
from workbadge.commands.grant import Consent, Granted, record_consent
from workbadge.commands.id_token import make_id_token
from workbadge.commands.migration import NewPerson
from workbadge.commands.outbox import list_outbox
from workbadge.commands.portfolio import NewSystemUser
from workbadge.commands.registration import NewApp
from workbadge.commands.standard_token import OFFLINE, OPENID, issue_tokens
from workbadge.commands.token import issue_code, issue_user_token
from workbadge.keys import same
from workbadge.store import records, rights
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import parse_duration, parse_instant, to_wire
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, NodeKind, Role
from workbadge.terms.scopes import OPENID_NAMES
from workbadge.terms.tasks import TASKS_OF, Task

from . import requests
from .control_apps import AppControl
from .control_sign_in import SignInControl
from .requests import account_id, as_json, body_of, node, read, wire_id
from .world import World

STATUS = {
    Problem.NOT_FOUND: 404,
    Problem.FORBIDDEN: 403,
    Problem.INVALID: 400,
    Problem.CONFLICT: 409,
    Problem.TOO_MANY: 429,
    Problem.UNAUTHENTICATED: 401,
}

Handler = Callable[..., Awaitable[Any]]
"""Takes the request, and its body where a body stands in its signature: that is how it is read, and described."""


def _answer(payload: Any, status: int = 200) -> Response:
    return Response(
        as_json(payload),
        status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def error_answer(error: CommandError) -> Response:
    """A refusal as the control API writes it."""
    body: dict[str, Any] = {
        "code": error.refusal.value if error.refusal is not None else error.problem.value,
        "message": error.message,
        "expected": error.expected,
    }
    if error.field:
        body["field"] = error.field
    if error.at is not None:
        body["at"] = to_wire(error.at)
    return _answer({"error": body}, STATUS[error.problem])


def _instant(text: str, field: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise invalid(field, str(error), "an ISO 8601 instant with a zone") from error


def _role(text: str) -> Role:
    try:
        return Role(text.upper())
    except ValueError as error:
        raise invalid("role", f"{text[:40]!r} is not a role.", ", ".join(Role)) from error


def _asset_id(value: str | int) -> int:
    return node(value, "asset", *ASSET_KINDS, NodeKind.BUSINESS)


class Control:
    """The handlers, over one world."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token

    # --- clock and checkpoints -------------------------------------------------------------------------------

    async def get_clock(self, request: Request) -> Any:
        """``GET /clock``: what the world's clock says."""
        return {"now": to_wire(self._world.clock.now())}

    async def set_clock(self, request: Request, body: requests.SetClock) -> Any:
        """``POST /clock``: move the clock, forward only, everything due in between happens in order."""
        if (body.advance is None) == (body.to is None):
            raise invalid(
                "body",
                "Exactly one of both is needed.",
                'either "advance" (a duration) or "to" (an instant)',
            )
        if body.to is not None:
            to = _instant(body.to, "to")
        else:
            try:
                to = self._world.clock.now() + parse_duration(body.advance or "")
            except (ValueError, OverflowError) as error:
                raise invalid("advance", str(error), "an ISO 8601 duration such as P29DT23H") from error
        ran = await self._world.advance(to)
        return {
            "now": to_wire(self._world.clock.now()),
            "ran": [{"at": to_wire(one.at), "kind": one.kind, "subject": str(one.subject)} for one in ran],
        }

    async def make_checkpoint(self, request: Request) -> Any:
        """``POST /checkpoints``: keep the world as it is."""
        made = await self._world.checkpoint()
        return {"id": made.id, "now": to_wire(made.at)}

    async def restore_checkpoint(self, request: Request) -> Any:
        """``POST /checkpoints/{id}/restore``: put the world back exactly as it was, clock included."""
        made = await self._world.restore(request.path_params["id"])
        return {"id": made.id, "now": to_wire(made.at)}

    # --- what people and makers do ---------------------------------------------------------------------------

    async def consent(self, request: Request, body: requests.NewConsent) -> Any:
        """``POST /consents``: what the person would do in the dialog, under the same rules."""
        if body.result not in ("token", "code", "refresh"):
            raise invalid("result", f"{body.result[:40]!r} is not a result.", "token, code or refresh")
        services, now = self._world.services, self._world.clock.now()
        app_id = node(body.app, "app", NodeKind.APP)
        async with services.store.write() as tx:
            person = await account_id(tx, body.account)
            app = await records.find_app(tx, app_id)
            if app is None:
                raise not_found("app")
            targets = await self._contexts(tx, person, [_asset_id(one) for one in body.assets], now)
            scopes = tuple(body.scopes)
            if body.result == "refresh":
                scopes = tuple(dict.fromkeys((*(OPENID_NAMES.get(one, one) for one in scopes), OFFLINE)))
            chosen = Consent(person, app_id, scopes, tuple(body.declined), targets)
            granted = await record_consent(tx, services, chosen, now)
            if body.result == "token":
                issued = await issue_user_token(tx, services, granted, now, lifetime=services.policy.long_token)
                return {"access_token": issued.text}
            if body.result == "code":
                return await self._code(tx, body, app, granted, now)
        return await self._tokens(granted, now)

    async def _code(self, tx: Tx, body: requests.NewConsent, app: Any, granted: Granted, now: datetime) -> Any:
        redirect = body.redirect_uri or next(iter(registration.redirect_uris(app)), None)
        if redirect is None or redirect not in registration.redirect_uris(app):
            raise invalid(
                "redirect_uri",
                "The app has no such redirect address.",
                "one that the app registered",
            )
        return {
            "code": await issue_code(tx, self._world.services, granted, redirect, now),
            "redirect_uri": redirect,
        }

    async def _tokens(self, granted: Granted, now: datetime) -> Any:
        """What the token endpoint of the OAuth side answers after a login."""
        services = self._world.services
        tokens = await issue_tokens(services, granted, now)
        answer = {"access_token": tokens.access, "refresh_token": tokens.refresh}
        client = await find_client(services.store, str(granted.app_id))
        if OPENID in tokens.scopes and client is not None:
            answer["id_token"] = await make_id_token(services, client, tokens.access, tokens.login, now)
        return answer

    async def _contexts(self, tx: Tx, person: int, nodes: list[int], now: datetime) -> dict[int, int | None]:
        """The business in whose name each node is selected: the owner's where the person is in, else a borrower's."""
        mine = [one.business_id for one in await rights.list_memberships(tx, person) if one.is_open(now)]
        found = await records.list_assets(tx, nodes)
        lent = await rights.list_lent(tx, nodes, mine, now)
        contexts: dict[int, int | None] = {}
        for one in nodes:
            if kind_of(one) is NodeKind.BUSINESS:
                contexts[one] = one
            else:
                owner = found[one].business_id if one in found else None
                contexts[one] = owner if owner in mine else lent.get(one)
        return contexts

    async def system_user(self, request: Request, body: requests.NewSystemUserBody) -> Any:
        """``POST /system_users``: a system user with a token for one app."""
        services, now = self._world.services, self._world.clock.now()
        new = NewSystemUser(
            node(body.business, "business", NodeKind.BUSINESS),
            node(body.app, "app", NodeKind.APP),
            body.name,
            tuple(body.scopes),
            tuple(_asset_id(one) for one in body.assets if kind_of(_asset_id(one)) is not NodeKind.BUSINESS),
            _role(body.role),
        )
        async with services.store.write() as tx:
            made = await portfolio.add_system_user(tx, services, new, None, now)
        return {"id": str(made.id), "access_token": made.token.text}

    async def app(self, request: Request, body: requests.NewAppBody) -> Any:
        """``POST /apps``: a new app with its secret."""
        services = self._world.services
        uris = tuple(body.redirect_uris)
        new = NewApp(
            body.name,
            uris,
            body.login_uri,
            body.user_support_url,
            body.user_support_email,
            body.webhook_url,
            body.require_proof,
        )
        async with services.store.write() as tx:
            made = await registration.add_app(tx, services, new, self._world.clock.now())
        return {
            "id": str(made.id),
            "secret": made.secret,
            "name": body.name,
            "redirect_uris": list(uris),
        }

    # --- other worlds ----------------------------------------------------------------------------------------

    async def account(self, request: Request, body: requests.NewAccountBody) -> Any:
        """``POST /accounts``: a person's account with its password."""
        services, now = self._world.services, self._world.clock.now()
        if body.kind not in ("personal", "managed"):
            raise invalid(
                "kind",
                f"{body.kind[:40]!r} is not a kind of account.",
                "personal or managed",
            )
        password = body.password or services.entropy.text(14)
        hashed = await services.passwords.hash(password)
        organization = (
            None if body.organization is None else node(body.organization, "organization", NodeKind.ORGANIZATION)
        )
        async with services.store.write() as tx:
            name = body.name or body.email.partition("@")[0]
            made = await portfolio.add_person(
                tx,
                services,
                AccountKind(body.kind),
                name,
                body.email,
                hashed,
                now,
                organization,
            )
            for place in body.memberships:
                await self._join(tx, made, place, now)
        return {
            "id": str(made),
            "email": body.email,
            "password": password,
            "kind": body.kind,
        }

    async def _join(self, tx: Tx, person: int, place: requests.NewMembership, now: datetime) -> None:
        services = self._world.services
        business_id = node(place.business, "business", NodeKind.BUSINESS)
        if await records.find_business(tx, business_id) is None:
            raise not_found("business")
        ids = await rights.list_owned(tx, business_id) if place.assets is None else [_asset_id(a) for a in place.assets]
        found = await records.list_assets(tx, ids)
        tasks: dict[int, Task] = {key: TASKS_OF[NodeKind(row.kind)] for key, row in found.items()}
        await portfolio.add_member(tx, services, person, business_id, _role(place.role), tasks, None, now)

    async def membership(self, request: Request, body: requests.NewMembership) -> Any:
        """``POST /accounts/{id}/memberships``: put somebody into a business."""
        async with self._world.services.store.write() as tx:
            person = await account_id(tx, request.path_params["id"])
            await self._join(tx, person, body, self._world.clock.now())
        return {"success": True}

    async def asset(self, request: Request, body: requests.NewAssetBody) -> Any:
        """``POST /assets``: an asset of a business, or of none."""
        services, now = self._world.services, self._world.clock.now()
        try:
            kind = NodeKind(body.type)
        except ValueError as error:
            raise invalid(
                "type",
                f"{body.type[:40]!r} is no kind of asset.",
                ", ".join(ASSET_KINDS),
            ) from error
        business_id = None if body.business is None else node(body.business, "business", NodeKind.BUSINESS)
        async with services.store.write() as tx:
            made = await portfolio.add_asset(tx, services, kind, body.name, business_id, now)
            if business_id is None:
                if body.owner is None:
                    raise invalid(
                        "owner",
                        "An asset of no business needs an owner.",
                        "a personal account's id",
                    )
                await rights.add_direct_role(tx, await account_id(tx, body.owner), made, TASKS_OF[kind])
            else:
                await self._assign(tx, made, kind, business_id, body.assigned_to, now)
            for partner in body.shared_with:
                other = node(partner, "business", NodeKind.BUSINESS)
                await portfolio.share_asset(tx, services, made, other, None, None, now)
        return {
            "id": wire_id(kind.value, made),
            "type": kind.value,
            "name": body.name,
            "shared_with_partner": bool(body.shared_with),
        }

    async def _assign(
        self,
        tx: Tx,
        asset_id: int,
        kind: NodeKind,
        business_id: int,
        people: list[str | int] | None,
        now: datetime,
    ) -> None:
        wanted = None if people is None else {await account_id(tx, one) for one in people}
        for state in await rights.list_members(tx, business_id):
            if state.is_open(now) and state.handed_over is None and (wanted is None or state.account_id in wanted):
                await portfolio.assign_new(tx, self._world.services, state, asset_id, TASKS_OF[kind], now)

    async def business(self, request: Request, body: requests.NewBusinessBody) -> Any:
        """``POST /businesses``: a business with its people."""
        services, now = self._world.services, self._world.clock.now()
        organization = (
            None if body.organization is None else node(body.organization, "organization", NodeKind.ORGANIZATION)
        )
        async with services.store.write() as tx:
            made = await portfolio.add_business(tx, services, body.name, organization, now)
            for member in body.members:
                person = await account_id(tx, member.account)
                await portfolio.add_member(tx, services, person, made, _role(member.role), {}, None, now)
        return {"id": str(made), "name": body.name}

    # --- the migration ---------------------------------------------------------------------------------------

    async def start_migration(self, request: Request, body: requests.NewMigrationBody) -> Any:
        """``POST /migrations``: invite people of a business."""
        services, now = self._world.services, self._world.clock.now()
        business_id = node(body.business, "business", NodeKind.BUSINESS)
        deadline = None if body.deadline is None else _instant(body.deadline, "deadline")
        async with services.store.read() as tx:
            ids = [await account_id(tx, one) for one in body.accounts]
            proposed = {one.personal_id: one.work_email for one in await migration.propose_people(tx, business_id, now)}
        people = []
        for person, given in zip(ids, body.accounts, strict=True):
            work = body.work_emails.get(str(given)) or proposed.get(person)
            if work is None:
                raise invalid(
                    "accounts",
                    f"{given} is not a member of this business.",
                    "personal ids of its members",
                )
            people.append(NewPerson(person, work))
        started = await migration.start_migration(services, business_id, people, None, now, deadline)
        await self._world.settle()
        return await self._migration(started.migration_id)

    async def get_migration(self, request: Request) -> Any:
        """``GET /migrations/{id}``: who is how far."""
        return await self._migration(self._migration_id(request))

    def _migration_id(self, request: Request) -> int:
        return node(request.path_params["id"], "migration", NodeKind.RECORD)

    async def _migration(self, migration_id: int) -> Any:
        async with self._world.services.store.read() as tx:
            view = await migration.load_migration(tx, migration_id, self._world.clock.now())
        return {
            "id": str(view.id),
            "business": str(view.business_id),
            "started_at": to_wire(view.started_at),
            "deadline": None if view.deadline is None else to_wire(view.deadline),
            "people": [
                {
                    "account": str(person.personal_id),
                    "name": person.name,
                    "work_email": person.work_email,
                    "state": person.state.value,
                    "deadline": None if person.deadline is None else to_wire(person.deadline),
                    "claimed_at": None if person.claimed_at is None else to_wire(person.claimed_at),
                    "cut_off": None if person.cut_off is None else to_wire(person.cut_off),
                    "managed": None if person.managed_id is None else str(person.managed_id),
                }
                for person in view.people
            ],
        }

    async def _person(self, value: str | int) -> int:
        async with self._world.services.store.read() as tx:
            return await account_id(tx, value)

    async def claim(self, request: Request, body: requests.ForAccount) -> Any:
        """``POST /migrations/{id}/claims``: the person claims, with proof of both logins."""
        person = await self._person(body.account)
        services, now = self._world.services, self._world.clock.now()
        made = await claim.claim_for(services, self._migration_id(request), person, now)
        await self._world.settle()
        return {
            "managed": {
                "id": str(made.managed_id),
                "email": made.email,
                "password": made.password,
            },
            "cut_off": None if made.cut_off is None else to_wire(made.cut_off),
        }

    async def extend(self, request: Request, body: requests.NewExtension) -> Any:
        """``POST /migrations/{id}/extensions``: a later cut-off for a person."""
        person = await self._person(body.account)
        to = _instant(body.to, "to")
        services, now = self._world.services, self._world.clock.now()
        await migration.extend_grace(services, self._migration_id(request), person, to, None, now)
        await self._world.settle()
        return {"cut_off": to_wire(to)}

    async def roll_back(self, request: Request, body: requests.ForAccount) -> Any:
        """``POST /migrations/{id}/rollbacks``: a person is back to before the claim."""
        person = await self._person(body.account)
        services, now = self._world.services, self._world.clock.now()
        done = await migration.roll_back(services, self._migration_id(request), person, None, now)
        await self._world.settle()
        return {
            "success": True,
            "reconnected_apps": [str(app) for app in done.reconnected_apps],
        }

    async def outbox(self, request: Request) -> Any:
        """``GET /outbox``: mails and webhooks, newest last."""
        async with self._world.services.store.read() as tx:
            return {"data": [self._sent(row) for row in await list_outbox(tx, self._world.services)]}

    def _sent(self, row: Any) -> dict[str, Any]:
        return {
            "id": str(row.id),
            "at": to_wire(row.at),
            "channel": row.channel,
            "kind": row.kind,
            "to": row.address,
            "subject": row.subject,
            "body": row.body,
            "sent_at": None if row.sent_at is None else to_wire(row.sent_at),
        }

    # --- putting together ------------------------------------------------------------------------------------

    def table(self) -> tuple[tuple[str, str, Handler], ...]:
        """Method, path and handler of each call."""
        return (
            ("GET", "/clock", self.get_clock),
            ("POST", "/clock", self.set_clock),
            ("POST", "/consents", self.consent),
            ("POST", "/system_users", self.system_user),
            ("POST", "/apps", self.app),
            ("POST", "/accounts", self.account),
            ("POST", "/accounts/{id}/memberships", self.membership),
            ("POST", "/assets", self.asset),
            ("POST", "/businesses", self.business),
            ("POST", "/migrations", self.start_migration),
            ("GET", "/migrations/{id}", self.get_migration),
            ("POST", "/migrations/{id}/claims", self.claim),
            ("POST", "/migrations/{id}/extensions", self.extend),
            ("POST", "/migrations/{id}/rollbacks", self.roll_back),
            ("POST", "/checkpoints", self.make_checkpoint),
            ("POST", "/checkpoints/{id}/restore", self.restore_checkpoint),
            ("GET", "/outbox", self.outbox),
            *AppControl(self._world).table(),
            *SignInControl(self._world).table(),
        )

    def routes(self) -> list[Route]:
        """The routes; each handler's answer becomes JSON."""
        return [Route(path, self._guard(handler), methods=[method]) for method, path, handler in self.table()]

    def _guard(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        kind = body_of(handler)

        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if not same(given, f"Bearer {self._token}"):
                problem = CommandError(
                    Problem.UNAUTHENTICATED,
                    "The control token is missing or wrong.",
                    "Authorization: Bearer <control_token>",
                )
                return error_answer(problem)
            try:
                if kind is None:
                    return _answer(await handler(request))
                return _answer(await handler(request, await read(request, kind)))
            except CommandError as error:
                return error_answer(error)

        return guarded


def make_control(world: World, token: str) -> Starlette:
    """The control API of a world, guarded by ``token``."""

    async def unknown(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        known = "see docs/guides/sandbox.md"
        code = "method_not_allowed" if status == 405 else "not_found"
        return _answer(
            {"error": {"code": code, "message": "No such call.", "expected": known}},
            status,
        )

    return Starlette(
        routes=Control(world, token).routes(),
        exception_handlers={404: unknown, 405: unknown},
    )
