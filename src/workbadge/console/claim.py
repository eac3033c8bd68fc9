"""The claim's pages: whose invitation, both logins, what moves, done (M4, B4). Opening a link consumes nothing (AC-23)."""

from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.banner import load_banner
from workbadge.commands.claim import ClaimProof, ClaimView, confirm_claim, open_claim
from workbadge.commands.errors import CommandError, Problem, not_found
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, current, rotate, sign_in
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import Frame, dead_end, page, text_of


def _unusable(request: Request) -> Response:
    """One neutral page for used, expired, cancelled and foreign links (AC-22)."""
    return dead_end(
        request,
        404,
        "This claim link cannot be used",
        "It was used, has expired, or belongs to somebody else. An admin of the business can send you a fresh one.",
    )


async def open_page(request: Request) -> Response:
    """``GET /console/claim/{link}``."""
    return await _page(request, await current(request), None, 200)


async def _page(request: Request, session: BrowserSession | None, error: str | None, status: int) -> Response:
    services, now = site_of(request.scope).services, now_of(request.scope)
    link = request.path_params["link"]
    try:
        async with services.store.read() as tx:
            view = await open_claim(tx, services, link, now)
    except CommandError:
        return _unusable(request)
    accounts = session.accounts if session is not None else ()
    personal = next((one for one in accounts if one.id == view.personal_id), None)
    work = next((one for one in accounts if view.managed_id is not None and one.id == view.managed_id), None)
    stranger = next((one for one in accounts if not one.managed), None) if personal is None else None
    here = f"/console/claim/{link}"
    return render(
        request,
        "console/claim.html",
        status=status,
        csrf=csrf_token(request, session),
        view=view,
        link=link,
        present=personal,
        work=work,
        stranger=stranger,
        error=error,
        step=_step(view, personal is not None, work is not None),
        sign_in_href=login_address(request, here, another=True).removeprefix(request.scope.get("root_path", "")),
        sso_href=None if view.route is None else f"/sso/{view.route.connection_id}/login?{_query(view, here)}",
        grace_days=services.policy.grace.days,
    )


def _query(view: ClaimView, here: str) -> str:
    """So that the claim goes on after the identity provider."""
    return urlencode({"next": here, "hint": view.work_email})


def _step(view: ClaimView, personal: bool, work: bool) -> int:
    """1: personal login, 2: work login, 3: look and confirm. A new account's password is set while confirming."""
    if not personal:
        return 1
    needs_sign_in = view.managed_id is not None or view.route is not None
    return 2 if needs_sign_in and not work else 3


async def confirm(request: Request) -> Response:
    """``POST /console/claim/{link}``: the claim itself."""
    session = await current(request)
    services, now = site_of(request.scope).services, now_of(request.scope)
    link = request.path_params["link"]
    try:
        await check_form(request, session)
        form = await request.form(max_fields=20)
        async with services.store.read() as tx:
            view = await open_claim(tx, services, link, now)
        personal = session.find(view.personal_id) if session is not None else None
        if session is None or not session.accounts:
            return await _page(request, session, None, 401)
        if personal is None:
            await confirm_claim(services, link, ClaimProof(session.accounts[0].id), now)
            return _unusable(request)
        password = text_of(form, "password") or None
        if view.managed_id is None and password != (text_of(form, "again") or None):
            return await _page(request, session, "The two passwords are not the same.", 400)
        work = session.find(view.managed_id) if view.managed_id is not None else None
        proof = ClaimProof(
            personal.id, work.id if work is not None else None, password if view.managed_id is None else None
        )
        claimed = await confirm_claim(services, link, proof, now)
    except CommandError as error:
        if error.problem in (Problem.INVALID, Problem.UNAUTHENTICATED):
            return await _page(request, session, f"{error.message} Expected: {error.expected}.", 400)
        if error.problem is Problem.FORBIDDEN:
            return await _page(request, session, "This form was out of date. Please try again.", 403)
        return _unusable(request)
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/console/{claimed.business_id}/claimed", 303)
    if work is None:
        await sign_in(request, response, claimed.managed_id, method="claim")
    else:
        await rotate(request, response)
    return response


@page("help")
async def done(frame: Frame) -> Response:
    """The Help Center after the claim: each affected app with its maker's help address and support e-mail (B4)."""
    banner = None
    if frame.account.managed:
        async with frame.services.store.read() as tx:
            banner = await load_banner(tx, frame.services.base_url, frame.account.id, frame.business.id, frame.now)
    return frame.page("claimed.html", banner=banner)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


@page("help")
async def calendar(frame: Frame) -> Response:
    """The cut-off as a calendar entry (RFC 5545) with an alarm three days before."""
    async with frame.services.store.read() as tx:
        banner = await load_banner(tx, frame.services.base_url, frame.account.id, frame.business.id, frame.now)
    if banner is None:
        raise not_found("cut-off")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Workbadge//EN",
        "BEGIN:VEVENT",
        f"UID:cut-off-{frame.account.id}-{frame.business.id}@workbadge",
        f"DTSTAMP:{_stamp(frame.now)}",
        f"DTSTART:{_stamp(banner.cut_off)}",
        "SUMMARY:Old login loses access: reconnect your apps before",
        f"URL:{frame.services.base_url}/console/{frame.business.id}/claimed",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Reconnect your apps",
        "TRIGGER:-P3D",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    headers = {"content-disposition": 'attachment; filename="cut-off.ics"', "cache-control": "no-store"}
    return Response("\r\n".join(lines), media_type="text/calendar", headers=headers)
