"""An authorization request while it is being checked, and how a check says no (RFC 6749 §4.1.1, §4.1.2.1)."""

from dataclasses import dataclass, field
from datetime import datetime

from workbadge.commands.client import Client
from workbadge.commands.services import Services
from workbadge.oauth.request import Asked, Standard
from workbadge.oauth.rfc9126.pushed import Pulled

from .errors import plain


class AuthorizationError(Exception):
    """The request is refused, and the client is told so at its redirect address."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = plain(description)


def invalid(description: str) -> AuthorizationError:
    """invalid_request."""
    return AuthorizationError("invalid_request", description)


@dataclass(slots=True)
class Authorization:
    """The parameters as they came (``values``: the last of each; ``doubled``: names that came twice; ``several``: all
    values of those that may), and what the checks have made of them so far. ``pulled``: it was pushed before (RFC 9126);
    ``pushing``: it is pushed now."""

    services: Services
    now: datetime
    client: Client
    redirect_uri: str
    values: dict[str, str]
    doubled: frozenset[str] = frozenset()
    several: dict[str, list[str]] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    offered: tuple[int, ...] | None = None
    standard: Standard = field(default_factory=Standard)
    again: bool = False
    pulled: Pulled | None = None
    pushing: bool = False

    def bare(self) -> Asked:
        """The request as far as a refusal needs it."""
        state = None if "state" in self.doubled else self.values.get("state")
        if state is not None and len(state) > LONGEST_STATE:
            state = None
        return Asked(self.client.id, self.redirect_uri, state, ("code",), (), standard=self.standard)

    def asked(self) -> Asked:
        """The checked request."""
        return Asked(
            self.client.id,
            self.redirect_uri,
            self.values.get("state"),
            ("code",),
            self.scopes,
            auth_types=("rerequest",) if self.again else (),
            display=self.values.get("display") or "page",
            challenge=self.values["code_challenge"],
            nonce=self.values.get("nonce"),
            offered=self.offered,
            standard=self.standard,
        )


LONGEST_STATE = 4096
LONGEST_NONCE = 500
