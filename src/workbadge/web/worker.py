"""The background worker: due work, deliveries, last uses. A loop around commands; any number may run at once."""

import asyncio
import contextlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from workbadge.commands import callbacks, due, outbox
from workbadge.commands.logout import LOGOUT, logout_token
from workbadge.commands.outbox import CALLBACK, MAIL, WEBHOOK, Sent
from workbadge.commands.registration import SECRET_PLACE
from workbadge.commands.sweeping import sweep
from workbadge.commands.webhooks import follows
from workbadge.store import domains, records
from workbadge.store.engine import StoreBusyError

from .domain_proofs import check_due
from .outgoing import Outgoing, OutgoingError
from .readiness import measure_skew, say_skew
from .state import Site

log = structlog.get_logger()
PAUSE_SECONDS = 0.5
SWEEP_PAUSE = timedelta(hours=1)
SMTP_SECONDS = 20
AT_ONCE = 32
"""Deliveries under way together."""

PER_APP = 4
"""Of them for one app, so that a slow receiver does not hold the others up (FT-23)."""

_UNREACHED = "dropped: the app no longer reaches what it is about"


class Worker:
    """Works for the site that ``site`` gives (a world's changes when it is restored)."""

    def __init__(
        self,
        site: Callable[[], Site],
        smtp: str = "",
        mail_from: str = "workbadge@localhost",
        allow_private: bool = False,
        run_due: bool = True,
        watch_clock: bool = False,
    ) -> None:
        """``smtp`` empty: mails stay in the outbox. ``run_due`` False: whoever moves the clock runs what is due. ``watch_clock``: the
        loop rests while the clock is further from the database's than the site allows."""
        self._site = site
        self._smtp = smtp
        self._mail_from = mail_from
        self._outgoing = Outgoing(allow_private)
        self._run_due = run_due
        self._watch_clock = watch_clock
        self._said: str | None = None
        self._under_way: dict[asyncio.Task[None], Sent] = {}
        self._swept: datetime | None = None
        self._looking: asyncio.Task[int] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The loop runs during the block."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self._outgoing.close()

    async def run(self) -> None:
        """Work until cancelled. A failure is logged and tried again later; it never ends the loop. Deliveries that are slow go
        on beside it."""
        try:
            while True:
                try:
                    busy = await self._in_time() and await self._round(whole=False)
                except StoreBusyError:
                    busy = False
                except Exception:
                    log.exception("worker_failed")
                    busy = False
                if not busy:
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            tasks = [*self._under_way, *([self._looking] if self._looking is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_time(self) -> bool:
        """Whether the clock is right enough to act on: what is done early cannot be undone (MT-33)."""
        if not self._watch_clock:
            return True
        site = self._site()
        said = say_skew(await measure_skew(site.services.store, site.clock), site.clock_skew)
        if said is not None and self._said is None:
            log.error("clock_off", why=said)
        self._said = said
        return said is None

    async def step(self) -> bool:
        """One round, with the end of its deliveries; whether anything was done."""
        return await self._round(whole=True)

    async def _round(self, whole: bool) -> bool:
        """What is due, then deliveries; ``whole``: all of them are waited for, else the first that ends."""
        site = self._site()
        now = site.clock.now()
        done = bool(self._run_due and await due.run(site.services, now, 50))
        if not self._smtp and await outbox.has_work(site.services, [MAIL], now):
            await outbox.keep_mails(site.services)
        channels = [WEBHOOK, CALLBACK, LOGOUT, *([MAIL] if self._smtp else [])]
        if await outbox.has_work(site.services, channels, now):
            done = await self._start(site, channels, now) or done
        if self._under_way:
            when = asyncio.ALL_COMPLETED if whole else asyncio.FIRST_COMPLETED
            ended, _ = await asyncio.wait(self._under_way, timeout=None if whole else PAUSE_SECONDS, return_when=when)
            done = done or bool(ended)
        await site.usage.flush(site.services.store, now)
        await site.directory_log.flush(site.services, now)
        if self._run_due:
            done = await self._check_domains(site, now) or done
        return await self._sweep(site, now) or done

    async def _check_domains(self, site: Site, now: datetime) -> bool:
        """Look for proofs of domains beside everything else: a name server that is silent holds nothing up."""
        if self._looking is not None and self._looking.done():
            looked, self._looking = self._looking, None
            return looked.result() > 0
        if self._looking is None:
            async with site.services.store.read() as tx:
                if not await domains.has_check(tx, now):
                    return False
            self._looking = asyncio.create_task(check_due(site.services, site.proofs, now))
        return False

    async def _sweep(self, site: Site, now: datetime) -> bool:
        """Forget what ended long ago, once in an hour; at once again while there was something."""
        if not self._run_due or (self._swept is not None and now - self._swept < SWEEP_PAUSE):
            return False
        swept = await sweep(site.services, now) > 0
        self._swept = None if swept else now
        return swept

    async def _start(self, site: Site, channels: list[str], now: datetime) -> bool:
        """Begin deliveries as far as there is room; whether any was begun."""
        begun = False
        while len(self._under_way) < AT_ONCE:
            counts = Counter(one.app_id for one in self._under_way.values() if one.app_id is not None)
            crowded = [app_id for app_id, count in counts.items() if count >= PER_APP]
            one = await outbox.take(site.services, channels, now, crowded)
            if one is None:
                break
            task = asyncio.create_task(self._deliver(site, one))
            self._under_way[task] = one
            task.add_done_callback(self._ended)
            begun = True
        return begun

    def _ended(self, task: asyncio.Task[None]) -> None:
        """One delivery is over. That it could not be noted is logged; the row is taken up again when its claim is over."""
        self._under_way.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery_failed", error=type(error).__name__)

    async def _deliver(self, site: Site, waiting: Sent) -> None:
        try:
            if waiting.channel == WEBHOOK:
                waiting = await self._reaching(site, waiting)
            if waiting.channel == MAIL:
                await self._mail(site, waiting)
            elif waiting.channel == CALLBACK:
                await self._callback(site, waiting)
            elif waiting.channel == LOGOUT:
                await self._logout(site, waiting)
            else:
                await self._webhook(site, waiting)
        except StoreBusyError:
            raise
        except Exception as error:
            said, now = f"{type(error).__name__}: {error}", site.clock.now()
            if isinstance(error, OutgoingError) and error.gone:
                await outbox.stop(site.services, waiting, said, now)
            else:
                await outbox.failed(site.services, waiting, said, now, _is_final(error))
        else:
            await outbox.delivered(site.services, waiting, site.clock.now())

    async def _mail(self, site: Site, waiting: Sent) -> None:
        parts = urlsplit(self._smtp)
        message = EmailMessage()
        message["From"] = self._mail_from
        message["To"] = waiting.address
        message["Subject"] = waiting.subject
        message["Message-ID"] = f"<{waiting.id}@workbadge>"
        for name, value in site.marks.items():
            message[name] = value
        message.set_content(waiting.body)
        await aiosmtplib.send(
            message,
            recipients=[waiting.address],
            hostname=parts.hostname or "localhost",
            port=parts.port or (465 if parts.scheme == "smtps" else 25),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=parts.scheme == "smtps",
            timeout=SMTP_SECONDS,
        )

    async def _callback(self, site: Site, waiting: Sent) -> None:
        """Post ``signed_request`` to the address that the app has now; of a wish for deletion keep the answer."""
        async with site.services.store.read() as tx:
            app = None if waiting.app_id is None else await records.find_app(tx, waiting.app_id)
        address = "" if app is None else callbacks.address_of(app, waiting.kind)
        if app is None or not address:
            raise OutgoingError("the app has no address for this any more", final=True)
        form = callbacks.form_of(site.services.sealer.open(app.secret, SECRET_PLACE), waiting)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Workbadge-Delivery": str(waiting.id),
            **site.marks,
        }
        answer = await self._outgoing.post(address, form, headers)
        if waiting.kind == callbacks.DATA_DELETION:
            found = callbacks.read_answer(answer)
            await callbacks.keep_answer(site.services, waiting, found, site.clock.now())

    async def _logout(self, site: Site, waiting: Sent) -> None:
        """Tell an app that a login has ended (Back-Channel Logout §2.5)."""
        text = await logout_token(site.services, waiting, site.clock.now())
        if text is None:
            raise OutgoingError("the app no longer exists", final=True)
        form = {"Content-Type": "application/x-www-form-urlencoded", **site.marks}
        await self._outgoing.post(waiting.address, b"logout_token=" + text.encode(), form)

    async def _reaching(self, site: Site, waiting: Sent) -> Sent:
        """What of it is still to be told: an event about something that the app no longer reaches is dropped (MT-37). Raises
        OutgoingError when that is all of it."""
        now, gone = site.clock.now(), set[int]()
        async with site.services.store.read() as tx:
            for one in (waiting, *waiting.behind):
                if one.node_id is not None and not await follows(tx, one.app_id or 0, one.node_id, now):
                    gone.add(one.id)
        left = [one for one in (waiting, *waiting.behind) if one.id not in gone]
        if not left:
            raise OutgoingError(_UNREACHED, final=True)
        if gone:
            await outbox.drop(site.services, gone, f"OutgoingError: {_UNREACHED}", now)
        return replace(left[0], behind=tuple(left[1:]))

    async def _webhook(self, site: Site, waiting: Sent) -> None:
        async with site.services.store.read() as tx:
            app = None if waiting.app_id is None else await records.find_app(tx, waiting.app_id)
            if app is None:
                raise OutgoingError("the app no longer exists", final=True)
        secret = site.services.sealer.open(app.secret, SECRET_PLACE)
        body = waiting.whole_body.encode("ascii")
        await self._outgoing.post(
            waiting.address,
            body,
            {
                "X-Hub-Signature-256": f"sha256={sign(secret, body)}",
                "X-Hub-Signature": f"sha1={sign(secret, body, 'sha1')}",
                "X-Workbadge-Delivery": str(waiting.id),
                **site.marks,
            },
        )


def _is_final(error: Exception) -> bool:
    """Whether trying again is useless: gone for good, or a refusal for good of the mail server (5xx)."""
    if isinstance(error, OutgoingError):
        return error.final
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(500 <= one.code < 600 for one in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return 500 <= error.code < 600
    return False


def sign(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """Hex HMAC of the raw body under the app's secret (``wire.md`` §6.3; ``sha1`` for older receivers)."""
    return hmac.new(secret.encode(), body, algorithm).hexdigest()
