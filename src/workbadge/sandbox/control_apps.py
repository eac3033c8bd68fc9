"""The control API's calls about what an app's maker sets up in the dashboard."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

from starlette.requests import Request

from workbadge.commands.app_roles import give_role
from workbadge.commands.app_settings import SETTINGS, change_settings
from workbadge.commands.app_status import lift, restrict, set_access, set_mode
from workbadge.commands.client_registration import hand_over, registration_address
from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.commands.errors import invalid, not_found
from workbadge.commands.webhooks import NewSubscription
from workbadge.store import records
from workbadge.store.webhooks import find_subscription
from workbadge.terms.apps import AppMode, AppRole, Level, Restriction, Review
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import NodeKind
from workbadge.terms.scopes import parse_scopes as parse_names
from workbadge.web import handshake
from workbadge.web.outgoing import OutgoingError

from .requests import (
    NewConfigurationBody,
    NewEnforcementBody,
    NewRoleBody,
    NewWebhookBody,
    StandingBody,
    account_id,
    node,
)
from .world import World

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


def _choice(kind: type[ChoiceT], text: str, field: str) -> ChoiceT:
    """One of a closed list. Raises CommandError INVALID that names the list."""
    try:
        return kind(text)
    except ValueError as error:
        raise invalid(field, f"{text[:40]!r} is not one of them.", ", ".join(kind)) from error


def _text(value: str | bool | list[str]) -> str:
    """A setting as a form would send it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else "\n".join(value)


class AppControl:
    """The handlers, over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def configuration(self, request: Request, body: NewConfigurationBody) -> Any:
        """``POST /apps/{id}/configurations``: a login configuration."""
        app_id = node(request.path_params["id"], "app", NodeKind.APP)
        new = NewConfiguration(
            app_id, body.name, body.token, tuple(body.scopes), tuple(body.assets), body.expires_in_60_days
        )
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            made = await add_configuration(tx, services, new, now)
        return {
            "id": str(made.id),
            "app": str(app_id),
            "name": made.name,
            "token": made.token.value,
            "scopes": list(made.scopes),
            "assets": [kind.value for kind in made.kinds],
            "expires_in_60_days": made.life is not None,
        }

    async def webhook(self, request: Request, body: NewWebhookBody) -> Any:
        """``POST /apps/{id}/webhooks``: a subscription, stored once its receiver has answered the handshake."""
        services, now = self._world.services, self._world.clock.now()
        app_id = await self._app(request)
        fields = parse_names(body.fields) if isinstance(body.fields, str) else tuple(body.fields or ())
        new = NewSubscription(body.object, body.callback_url, fields or None, body.include_values)
        try:
            made = await handshake.subscribe(self._world.site, app_id, new, body.verify_token, now)
        except OutgoingError as error:
            expected = "a receiver that answers GET with 200 and hub.challenge as the whole body"
            raise invalid("callback_url", f"The handshake failed: {error}.", expected) from error
        async with services.store.read() as tx:
            row = await find_subscription(tx, app_id, body.object)
        assert row is not None
        return {
            "id": str(made),
            "object": row.object,
            "callback_url": row.callback_url,
            "fields": row.fields.split(","),
            "include_values": bool(row.include_values),
        }

    async def role(self, request: Request, body: NewRoleBody) -> Any:
        """``POST /apps/{id}/roles``: somebody works on the app from now on."""
        app_id = await self._app(request)
        role = _choice(AppRole, body.role, "role")
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            person = await account_id(tx, body.account)
            await give_role(tx, services, app_id, person, role, None, now)
        return {"success": True}

    async def standing(self, request: Request, body: StandingBody) -> Any:
        """``POST /apps/{id}/standing``: settings, mode, access to permissions; all or nothing."""
        app_id = await self._app(request)
        for name in body.settings:
            if name not in SETTINGS:
                raise invalid("settings", f"{name[:40]!r} is no setting.", ", ".join(SETTINGS))
        given = {name: _text(value) for name, value in body.settings.items()}
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            if given:
                await change_settings(tx, services, app_id, given, None, now)
            if body.mode is not None:
                await set_mode(tx, services, app_id, _choice(AppMode, body.mode, "mode"), None, now)
            for scope, level in body.access.items():
                chosen = _choice(Level, level, "access")
                await set_access(tx, services, app_id, scope, chosen, Review.NOT_REQUESTED, None, now)
        return {"success": True}

    async def client(self, request: Request) -> Any:
        """``POST /apps/{id}/client``: where the app manages its registration as a client (RFC 7592), and a fresh token for that."""
        app_id = await self._app(request)
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            token = await hand_over(tx, services, app_id, None, now)
        return {
            "registration_client_uri": registration_address(services, app_id),
            "registration_access_token": token,
        }

    async def enforcement(self, request: Request, body: NewEnforcementBody) -> Any:
        """``POST /apps/{id}/enforcements``: what an operator does to an app that broke the rules."""
        app_id = await self._app(request)
        kind = _choice(Restriction, body.kind, "kind")
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            made = await restrict(tx, services, app_id, kind, body.reason, tuple(body.scopes), None, now)
        return {
            "id": str(made),
            "kind": kind.value,
            "reason": body.reason,
            "scopes": body.scopes,
            "since": to_wire(now),
        }

    async def lift(self, request: Request) -> Any:
        """``DELETE /apps/{id}/enforcements/{enforcement}``: lift a restriction."""
        app_id = await self._app(request)
        found = node(request.path_params["enforcement"], "enforcement", NodeKind.RECORD)
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            await lift(tx, services, app_id, found, None, now)
        return {"success": True}

    async def _app(self, request: Request) -> int:
        """The app that the path names. Raises CommandError."""
        app_id = node(request.path_params["id"], "app", NodeKind.APP)
        async with self._world.services.store.read() as tx:
            if await records.find_app(tx, app_id) is None:
                raise not_found("app")
        return app_id

    def table(self) -> tuple[tuple[str, str, Callable[..., Awaitable[Any]]], ...]:
        """Method, path and handler of each call."""
        return (
            ("POST", "/apps/{id}/configurations", self.configuration),
            ("POST", "/apps/{id}/webhooks", self.webhook),
            ("POST", "/apps/{id}/roles", self.role),
            ("POST", "/apps/{id}/standing", self.standing),
            ("POST", "/apps/{id}/client", self.client),
            ("POST", "/apps/{id}/enforcements", self.enforcement),
            ("DELETE", "/apps/{id}/enforcements/{enforcement}", self.lift),
        )
