"""What every command works with: the store, the secrets, the policy of this platform."""

from dataclasses import dataclass
from datetime import timedelta

from workbadge.keys import Entropy, Passwords, Sealer
from workbadge.store.engine import Store
from workbadge.terms.instants import DAY, GRACE_DEFAULT


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's numbers. All durations."""

    grace: timedelta = GRACE_DEFAULT  # M7; an organization may set its own
    extension_limit: timedelta = 90 * DAY  # M11, from the claim on
    claim_link: timedelta = 60 * DAY  # life of a claim link
    reconnect_link: timedelta = 30 * DAY  # life of a link to the dialog (docs/protocols/reconnect.md)
    code: timedelta = timedelta(seconds=60)  # OA-22
    short_token: timedelta = timedelta(hours=2)
    long_token: timedelta = timedelta(seconds=5_183_944)  # wire.md §3.2
    refresh_idle: timedelta = 60 * DAY  # OA-29
    refresh_life: timedelta = 365 * DAY  # OA-29, absolute
    session: timedelta = timedelta(hours=12)  # absolute
    session_idle: timedelta = timedelta(hours=2)
    mobile_managed_login: bool = False  # L3
    open_registration: bool = False  # RFC 7591


@dataclass(frozen=True, slots=True)
class Services:
    """One per application object; a sandbox world has its own. ``base_url``: public, without a trailing slash."""

    store: Store
    entropy: Entropy
    passwords: Passwords
    sealer: Sealer
    base_url: str
    policy: Policy = Policy()
