"""The claim: whose invitation, both logins, what moves, confirm (M4); and the Help Center after it (B4)."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.banner import load_banner
from workbadge.commands.claim import ClaimProof, ClaimView, confirm_claim, open_claim
from workbadge.commands.errors import CommandError, Problem, not_found
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, current, sign_in
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import Frame, page, plain_error, text_of


def _neutral(request: Request) -> Response:
    """Used, expired, cancelled, foreign, mistyped: one page (AC-22)."""
    return render(
        request,
        "web/layout/error.html",
        status=404,
        title="This link cannot be used",
        text="A claim link works once, for the person it was sent to, and for a limited time. An admin of your business "
        "can send you a fresh one.",
        action_href="/console",
        action_label="To the console",
        icon="unlink",
    )


async def _open(request: Request) -> ClaimView | None:
    """What the link stands for; None for one that cannot be used. It consumes nothing (AC-23)."""
    services = site_of(request.scope).services
    try:
        async with services.store.read() as tx:
            return await open_claim(tx, services, request.path_params["link"], now_of(request.scope))
    except CommandError:
        return None


def masked(address: str) -> str:
    """An address of which a stranger learns no more than the owner recognizes: ``e•••@mail.example``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


async def show(request: Request) -> Response:
    """``GET /console/claim/{link}``: the step that comes next for this browser."""
    view = await _open(request)
    if view is None:
        return _neutral(request)
    return _step(request, await current(request), view, {}, 200)


def _step(
    request: Request, session: BrowserSession | None, view: ClaimView, errors: dict[str, str], status: int
) -> Response:
    accounts = session.accounts if session is not None else ()
    has_personal = session is not None and session.find(view.personal_id) is not None
    has_work = session is not None and view.managed_id is not None and session.find(view.managed_id) is not None
    if not has_personal:
        step = "personal"
    elif view.managed_id is not None and not has_work:
        step = "work"
    else:
        step = "review"
    here = f"/console/claim/{request.path_params['link']}"
    return render(
        request,
        f"console/claim_{step}.html",
        status=status,
        csrf=csrf_token(request, session),
        view=view,
        here=here,
        sign_in=login_address(request, here, another=True).removeprefix(request.scope.get("root_path", "")),
        accounts=accounts,
        masked=masked(view.personal_email),
        errors=errors,
    )


async def confirm(request: Request) -> Response:
    """``POST /console/claim/{link}``: claim, with a new session; only here anything is consumed."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, f"/console/claim/{request.path_params['link']}"), 303)
    try:
        await check_form(request, session)
    except CommandError as error:
        return plain_error(request, error)
    view = await _open(request)
    if view is None:
        return _neutral(request)
    form = await request.form()
    password, again = text_of(form, "password"), text_of(form, "again")
    errors: dict[str, str] = {}
    if view.managed_id is None and session.find(view.personal_id) is not None and password != again:
        errors["again"] = "The two passwords differ."
    if form.get("understood") != "1" and session.find(view.personal_id) is not None:
        errors["understood-1"] = "Please confirm that you have read what changes."
    if errors:
        return _step(request, session, view, errors, 400)
    try:
        return await _claimed(request, session, view, password)
    except CommandError as error:
        if error.problem is Problem.INVALID:
            return _step(request, session, view, {error.field: f"{error.message} {error.expected}".strip()}, 400)
        if error.problem is Problem.UNAUTHENTICATED:
            return _step(request, session, view, {}, 401)
        return _neutral(request)


async def _claimed(request: Request, session: BrowserSession, view: ClaimView, password: str) -> Response:
    """Claim with what this browser proved. Somebody else's try is refused and noted (AC-24). Raises CommandError."""
    personal = session.find(view.personal_id) or next((one for one in session.accounts), None)
    assert personal is not None
    work = None if view.managed_id is None else session.find(view.managed_id)
    proof = ClaimProof(
        personal.id,
        managed_id=None if work is None else work.id,
        password=password if view.managed_id is None else None,
    )
    services = site_of(request.scope).services
    done = await confirm_claim(services, request.path_params["link"], proof, now_of(request.scope))
    root = request.scope.get("root_path", "")
    response = RedirectResponse(f"{root}/console/{done.business_id}/help?claimed=1", 303)
    await sign_in(request, response, done.managed_id, "password")
    return response


@page("help")
async def help_center(frame: Frame) -> Response:
    """Each app that still uses the old login, its maker's help, and the way to reconnect it (B4)."""
    async with frame.services.store.read() as tx:
        banner = await load_banner(tx, frame.services.base_url, frame.account.id, frame.business.id, frame.now)
    return frame.page("help.html", banner=banner, claimed=frame.request.query_params.get("claimed") == "1")


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
        f"URL:{frame.services.base_url}/console/{frame.business.id}/help",
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
