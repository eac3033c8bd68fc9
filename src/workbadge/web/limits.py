"""How much an app may ask: counted in this process over a rolling hour, never stored (``wire.md`` §3.12, §3.13).

Tokens of people and apps count for their app; a person's also for that person, and for the page or ad account that it
reaches. Tokens of pages and system users count for the business they work for. Sign-in and dialog are not counted. A call
that is refused here is not counted, so that whoever waits as long as the answer says is let through. Decision record 17
says what several processes do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from workbadge.terms.instants import EPOCH
from workbadge.terms.kinds import NodeKind

from .meters import NO_LIMIT, WINDOW, Meter, Meters
from .wire import WireError

APP_USAGE, CASE_USAGE, AD_USAGE = b"x-app-usage", b"x-business-use-case-usage", b"x-ad-account-usage"
Told = dict[bytes, bytes]
"""Headers of one answer, by name."""

_MINUTE = timedelta(minutes=1)
_USE_CASES: dict[NodeKind | None, tuple[bytes, int, str]] = {
    NodeKind.PAGE: (b"pages", 80001, "this Page account"),
    NodeKind.INSTAGRAM_ACCOUNT: (b"instagram", 80002, "this Instagram account"),
    NodeKind.AD_ACCOUNT: (b"ads_management", 80004, "this ad-account"),
    NodeKind.PIXEL: (b"ads_management", 80004, "this ad-account"),
    NodeKind.WHATSAPP_ACCOUNT: (b"whatsapp", 80008, "this WhatsApp account"),
    NodeKind.PRODUCT_CATALOG: (b"catalog_management", 80009, "this catalog account"),
}
_ANY_CASE = (b"business_management", 80004, "this business")


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls an hour; 0: no limit. ``app_user``: what an app may call more for each person who lately called through it.

    ``asset``: of one app on one page or ad account, by people's tokens. ``business``: of one app in one business, by
    tokens of pages and system users. ``writes``: of one app to one node. ``processes``: among which each is shared out.
    """

    app: int = 10_000_000
    app_user: int = 200
    user: int = 5_000_000
    asset: int = 5_000_000
    business: int = 5_000_000
    writes: int = 100_000
    processes: int = 1

    def share(self, calls: int) -> int:
        """This process's part of a limit."""
        return max(1, calls // self.processes) if calls else NO_LIMIT


class _App:
    """The meters of one app."""

    __slots__ = ("hour", "meter", "nodes", "people")

    def __init__(self, limit: int, minute: int) -> None:
        self.meter = Meter(limit, minute)
        self.hour = minute // WINDOW
        self.people = Meters()
        self.nodes = Meters()


class Limits:
    """The counts of one application object. Each call is told ``now``; when that steps back, the latest minute goes on."""

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        share = self.rates.share
        self._user, self._asset = share(self.rates.user), share(self.rates.asset)
        self._business, self._writes = share(self.rates.business), share(self.rates.writes)
        self._apps: dict[int, _App] = {}
        self._from = self._to = EPOCH
        self._minute = 0

    def anew(self) -> "Limits":
        """The same limits with nothing counted."""
        return Limits(self.rates)

    def count_app(self, app_id: int, account_id: int | None, now: datetime, told: Told) -> tuple[Meter, ...]:
        """A call by an app, for one of its people if ``account_id`` is given; its meters.

        ``told`` gets ``x-app-usage``, also when it raises. Raises WireError 4, 17.
        """
        app = self._app(app_id, now)
        meter = app.meter
        person: Meter | None = None
        if account_id is not None:
            person = app.people.find(account_id, self._minute)
            if person is None:
                person = app.people.open(account_id, self._user, self._minute)
                self._widen(app)
        if not meter.full and (person is None or not person.full):
            meter.count()
            counted: tuple[Meter, ...] = (meter,)
            if person is not None:
                person.count()
                counted = (meter, person)
            told[APP_USAGE] = meter.text or _app_text(meter)
            return counted
        told[APP_USAGE] = meter.text or _app_text(meter)
        if meter.full or person is None:
            raise _limited(4, "(#4) Application request limit reached", meter)
        raise _limited(17, "User request limit reached", person)

    def count_asset(self, app_id: int, node_id: int, kind: NodeKind, told: Told) -> Meter:
        """What ``count_app`` has just counted reaches a page or an ad account. Raises WireError 32; 17 with 2446079.

        ``told`` gets ``x-ad-account-usage`` for an ad account, also when it raises.
        """
        meter = self._node(self._apps[app_id], node_id, self._asset)
        admitted = meter.admit()
        if kind is NodeKind.AD_ACCOUNT:
            meter.text = meter.text or _ad_text(meter)
            told[AD_USAGE] = meter.text
        if admitted:
            return meter
        if kind is NodeKind.AD_ACCOUNT:
            raise _limited(17, "User request limit reached", meter, 2446079)
        raise _limited(32, "(#32) Page request limit reached", meter)

    def count_business(self, app_id: int, business_id: int, kind: NodeKind | None, now: datetime, told: Told) -> Meter:
        """A call of a page's or system user's token for a business, by the kind of the node. Raises WireError 80001-80009.

        ``told`` gets ``x-business-use-case-usage``, for an ad account ``x-ad-account-usage`` too, also when it raises.
        """
        case, code, what = _USE_CASES.get(kind, _ANY_CASE)
        meter = self._node(self._app(app_id, now), (business_id, code), self._business)
        admitted = meter.admit()
        text = meter.text or _case_text(meter, business_id, case)
        before = told.get(CASE_USAGE)
        told[CASE_USAGE] = text if before is None else _with_case(before, text)
        if kind is NodeKind.AD_ACCOUNT:
            told[AD_USAGE] = _ad_text(meter)
        if admitted:
            return meter
        raise _limited(code, f"(#{code}) There have been too many calls to {what}. Wait a bit and try again.", meter)

    def count_write(self, app_id: int, node_id: int, now: datetime) -> None:
        """A write to a node. Raises WireError 613."""
        meter = self._node(self._app(app_id, now), (node_id, 613), self._writes)
        if not meter.admit():
            raise _limited(613, "(#613) Calls to this api have exceeded the rate limit.", meter)

    def _app(self, app_id: int, now: datetime) -> _App:
        """The meters of an app, at ``now``."""
        if not self._from <= now < self._to:
            self._minute = max(self._minute, (now - EPOCH) // _MINUTE)
            self._from = EPOCH + self._minute * _MINUTE
            self._to = self._from + _MINUTE
        app = self._apps.get(app_id)
        if app is None:
            app = self._apps[app_id] = _App(self.rates.share(self.rates.app), self._minute)
        if app.meter.minute != self._minute:
            app.meter.turn(self._minute)
            hours = self._minute // WINDOW - app.hour
            if hours:
                app.hour += hours
                app.people.age(hours)
                app.nodes.age(hours)
                self._widen(app)
        return app

    def _node(self, app: _App, key: object, limit: int) -> Meter:
        return app.nodes.find(key, self._minute) or app.nodes.open(key, limit, self._minute)

    def _widen(self, app: _App) -> None:
        """An app's limit grows with the number of people who lately called through it."""
        rates = self.rates
        if rates.app:
            app.meter.widen(rates.share(rates.app + rates.app_user * len(app.people)))


def _app_text(meter: Meter) -> bytes:
    """``x-app-usage``: work stands for both times, which are not measured (decision record 17)."""
    used, worked = meter.used, meter.worked
    meter.text = b'{"call_count":%d,"total_cputime":%d,"total_time":%d}' % (used, worked, worked)
    return meter.text


def _ad_text(meter: Meter) -> bytes:
    return b'{"acc_id_util_pct":%d,"reset_time_duration":%d}' % (meter.used, meter.wait() * 60)


def _case_text(meter: Meter, business_id: int, case: bytes) -> bytes:
    used, worked = meter.used, meter.worked
    meter.text = (
        b'{"%d":[{"type":"%s","call_count":%d,"total_cputime":%d,"total_time":%d,"estimated_time_to_regain_access":%d}]}'
        % (business_id, case, used, worked, worked, meter.wait())
    )
    return meter.text


def _with_case(before: bytes, text: bytes) -> bytes:
    """The header with another business or use case in it; the latest of each."""
    shown: dict[str, list[dict[str, object]]] = msgspec.json.decode(before)
    for business, entries in msgspec.json.decode(text).items():
        kept = [one for one in shown.get(business, []) if one["type"] != entries[0]["type"]]
        shown[business] = kept + entries
    return msgspec.json.encode(shown)


def _limited(code: int, message: str, meter: Meter, subcode: int | None = None) -> WireError:
    """The error of a limit that is reached (``wire.md`` §3.12): it says how many minutes to wait."""
    wait = meter.wait()
    return WireError(
        code,
        message,
        subcode,
        transient=True,
        data={"reason": "limit_reached", "estimated_time_to_regain_access": wait},
        user_title="Limit reached",
        user_message=f"Wait {wait} minutes, then call less often.",
    )
