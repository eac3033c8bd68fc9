"""The only place where things are put together.

``make_application(site)`` is one ASGI application for one site: live, or a sandbox world at its own base path.
Paths do not collide (``wire.md`` §3.0): ``console``, ``static``, ``docs``, ``ready``, ``metrics``, ``scim``, ``sso``, ``dialog``, ``oauth`` and
the sign-in pages are named here, everything else is a path of the graph.
"""

import os
import re
from collections.abc import Awaitable
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbadge import __version__
from workbadge.commands.services import Services
from workbadge.config import Config, load_config, load_keys
from workbadge.console.routes import make_console
from workbadge.graph.described import describe_graph
from workbadge.graph.routes import make_graph
from workbadge.keys import Entropy, Passwords, Sealer
from workbadge.oauth.described import describe_login, describe_standards
from workbadge.oauth.routes import OAUTH_SEGMENTS, make_oauth
from workbadge.scim.room import SEGMENTS as SCIM_SEGMENTS
from workbadge.scim.room import ScimRoom
from workbadge.serving import leave_startup_alone
from workbadge.sso.routes import SSO_SEGMENTS, make_sso
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import make_store
from workbadge.store.upgrade import upgrade
from workbadge.web.api_docs import SEGMENTS as DOCS_SEGMENTS
from workbadge.web.api_docs import ApiDocs
from workbadge.web.clock import SystemClock
from workbadge.web.directory_log import NO_PAUSE
from workbadge.web.directory_pace import DirectoryPace
from workbadge.web.domain_proofs import read_resolvers
from workbadge.web.limits import Limits
from workbadge.web.outgoing import Outgoing
from workbadge.web.pages import static_files
from workbadge.web.readiness import SEGMENTS as READINESS_SEGMENTS
from workbadge.web.readiness import make_readiness
from workbadge.web.state import Site
from workbadge.web.wire import WHOLE, find_whole
from workbadge.web.worker import Worker

_VERSION = re.compile(r"v\d{1,3}\.\d{1,2}")


class Application:
    """Reads the clock once per request, then hands over to the room that owns the path."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clock = site.clock
        self._secure = site.secure_cookies
        self._graph = make_graph()
        oauth, console = make_oauth(), make_console()
        self._rooms: dict[str, ASGIApp] = {"static": static_files, "console": console}
        self._rooms.update(dict.fromkeys(OAUTH_SEGMENTS, oauth))
        self._rooms.update(dict.fromkeys(SCIM_SEGMENTS, ScimRoom()))
        self._rooms.update(dict.fromkeys(SSO_SEGMENTS, make_sso()))
        self._rooms.update(dict.fromkeys(DOCS_SEGMENTS, make_docs()))
        self._rooms.update(dict.fromkeys(READINESS_SEGMENTS, make_readiness(site)))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One request. Never decides anything from the request's URL but from ``scope["path"]``."""
        scope["workbadge.site"] = self._site
        scope["workbadge.now"] = self._clock.now()
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        first, _, rest = path[1:].partition("/")
        if first[:1] == "v" and _VERSION.fullmatch(first):
            first = rest.partition("/")[0]
        if self._secure:
            send = _over_https(scope, send)
        return self._rooms.get(first, self._graph)(scope, receive, send)


def make_docs() -> ApiDocs:
    """What is served, in words and as OpenAPI: the parts of all rooms."""
    parts = (describe_login(), describe_graph(), describe_standards())
    return ApiDocs("Workbadge API", __version__, parts)


_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


_HSTS_LINE = b"%s: %s\r\n" % _HSTS


def _over_https(scope: Scope, send: Send) -> Send:
    """Every answer of a site that is reached over https says that it always will be (WB-01)."""
    whole = find_whole(scope)
    if whole is not None:
        scope["extensions"][WHOLE] = lambda status, head, body: whole(status, head + _HSTS_LINE, body)

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), _HSTS]
        await send(message)

    return sending


def make_application(site: Site) -> Application:
    """The application of one site."""
    return Application(site)


def make_site(config: Config) -> Site:
    """The live site that the settings describe."""
    entropy = Entropy()
    services = Services(
        store=make_store(StoreSettings(config.database)),
        entropy=entropy,
        passwords=Passwords(),
        sealer=Sealer(load_keys(Path(config.key_file), entropy), entropy),
        base_url=config.base_url,
        policy=config.policy(),
    )
    return Site(
        services,
        SystemClock(),
        secure_cookies=config.base_url.startswith("https://"),
        outgoing=Outgoing(config.allow_private_webhooks),
        limits=Limits(config.rates()),
        directory_pace=DirectoryPace(config.scim_pace()),
        clock_skew=config.clock_skew(),
        dns_resolvers=read_resolvers(config.dns_resolvers),
    )


class Server:
    """A live server process: opens the store and the background worker with the process, closes them with it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._application: Application | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Lifespan and requests. Raises RuntimeError for anything else, and for a request before the process is ready."""
        if scope["type"] == "http" and self._application is not None:
            return self._application(scope, receive, send)
        if scope["type"] != "lifespan":
            raise RuntimeError(f"expected a request to a ready server, got {scope['type']}")
        return self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        site = make_site(self._config)
        try:
            await upgrade(site.services.store)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._application = make_application(site)
        worker = Worker(
            lambda: site,
            self._config.smtp,
            self._config.mail_from,
            self._config.allow_private_webhooks,
            watch_clock=True,
        )
        async with worker.running():
            leave_startup_alone()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await site.directory_log.flush(site.services, site.clock.now(), NO_PAUSE)
        await site.outgoing.close()
        await site.services.store.close()
        await send({"type": "lifespan.shutdown.complete"})


def from_environment() -> Server:
    """The server that the environment describes; ``WORKBADGE_CONFIG`` names the file of settings."""
    path = os.environ.get("WORKBADGE_CONFIG")
    return Server(load_config(Path(path) if path else None))
