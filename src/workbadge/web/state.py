"""What an application object carries: services, clock, public addresses. One per server and one per world."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from starlette.types import Scope

from workbadge.commands.services import Services

from .clock import Clock
from .directory_log import DirectoryLog
from .directory_pace import DirectoryPace
from .domain_proofs import DomainProofs
from .limits import Limits
from .outgoing import Outgoing
from .remote_keys import RemoteKeys
from .usage import Usage


@dataclass(frozen=True, slots=True)
class Site:
    """One application object's surroundings. ``title``: shown in the pages; ``sandbox``: a world, not live.
    ``usage``: last uses of grants, not yet written. ``show_outbox``: mails are shown on a page (demo, worlds).
    ``outgoing``: requests to addresses that apps named. ``hosts``: names under which a world is reached too (zero-setting mode,
    ``wire.md`` §7.7); a request under one of them gets its pages' links there (``paging_url``).
    ``limits``: what was asked in the last hour; ``directory_pace``: how fast directories ask (not held to it in a world);
    ``directory_log``: what they asked, not yet written. ``clock_skew``: how far the clock may be from the database's.
    ``dns_resolvers``: whom domains' proofs are asked of; empty: the system's. ``proofs``: looks them up."""

    services: Services
    clock: Clock
    title: str = "Workbadge"
    sandbox: bool = False
    secure_cookies: bool = False
    show_outbox: bool = False
    hosts: frozenset[str] = frozenset()
    paging_url: str | None = None
    clock_skew: timedelta = timedelta(seconds=1)
    usage: Usage = field(default_factory=Usage)
    limits: Limits = field(default_factory=Limits)
    outgoing: Outgoing = field(default_factory=lambda: Outgoing(False))
    directory_pace: DirectoryPace = field(default_factory=DirectoryPace)
    directory_log: DirectoryLog = field(default_factory=DirectoryLog)
    remote_keys: RemoteKeys = field(init=False)
    proofs: DomainProofs = field(init=False)
    dns_resolvers: tuple[tuple[str, int], ...] = ()

    @property
    def marks(self) -> dict[str, str]:
        """Headers of whatever leaves a world, mails and requests alike, so that nobody takes it for live (MT-35)."""
        return {"X-Workbadge-Sandbox": "true"} if self.sandbox else {}

    def __post_init__(self) -> None:
        object.__setattr__(self, "remote_keys", RemoteKeys(self.outgoing.get))
        object.__setattr__(self, "proofs", DomainProofs(self.outgoing, self.dns_resolvers))


def site_of(scope: Scope) -> Site:
    """The site that serves this request (put there by ``main``)."""
    return cast(Site, scope["workbadge.site"])


def at_host(site: Site, scope: Scope) -> Site:
    """The site as this request reaches it: by the request's Host where that is one of its ``hosts``, else unchanged."""
    for name, value in scope["headers"]:
        if name == b"host":
            text = value.decode("latin-1")
            host, _, port = text.partition(":")
            if host.lower() in site.hosts and (not port or (port.isdecimal() and len(port) <= 5)):
                return replace(site, paging_url=f"{scope['scheme']}://{text}")
    return site


def now_of(scope: Scope) -> datetime:
    """The instant of this request: read once, at the edge."""
    return cast(datetime, scope["workbadge.now"])
