"""Importing people from a file: what becomes of each row is shown, then confirmed (O8)."""

from starlette.datastructures import UploadFile
from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem, invalid
from workbadge.commands.people_import import MOST_BYTES, MOST_ROWS, Preview, import_people, preview_import
from workbadge.lifecycle.people_import import Outcome
from workbadge.terms.organizations import OrganizationAct

from .admin_center import OrganizationFrame, organization_page
from .frame import text_of

SAYS = {
    Outcome.CREATE: ("New", "ok", "user-plus"),
    Outcome.RENAME: ("Renamed", "info", "pencil"),
    Outcome.SAME: ("Unchanged", "neutral", "check"),
    Outcome.SUSPENDED: ("Suspended, left so", "warn", "ban"),
    Outcome.REFUSED: ("Not taken", "bad", "circle-x"),
}
"""An outcome in words, its tone and icon."""


@organization_page("organization-people", OrganizationAct.MANAGE_PEOPLE)
async def show(frame: OrganizationFrame) -> Response:
    """The form for the file."""
    return _form(frame, "")


def _form(frame: OrganizationFrame, error: str) -> Response:
    errors = {"file": error} if error else {}
    return frame.page("organization_import.html", 400 if error else 200, errors=errors, most=MOST_ROWS, preview=None)


@organization_page("organization-people", OrganizationAct.MANAGE_PEOPLE, form=True, files=1)
async def preview(frame: OrganizationFrame) -> Response:
    """What would become of every row; nothing is written."""
    form = await frame.request.form()
    try:
        text = await _read(form.get("file"))
        found = await preview_import(frame.services, frame.owner_id, text, frame.account.id, frame.now)
    except CommandError as error:
        if error.problem is not Problem.INVALID:
            raise
        return _form(frame, f"{error.message} Expected: {error.expected}.")
    return _previewed(frame, found, text)


async def _read(file: object) -> str:
    """The text of an uploaded file. Raises INVALID."""
    if not isinstance(file, UploadFile) or not file.filename:
        raise invalid("file", "No file was chosen.", "a CSV file")
    data = await file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise invalid("file", "The file is too large.", f"{MOST_BYTES // 1_000} kB at most; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid("file", "The file is not text in UTF-8.", "a CSV file saved as UTF-8") from error


def _previewed(frame: OrganizationFrame, found: Preview, text: str, changed: bool = False) -> Response:
    counts = [(SAYS[outcome], found.count(outcome)) for outcome in Outcome]
    return frame.page(
        "organization_import.html",
        409 if changed else 200,
        errors={},
        most=MOST_ROWS,
        preview=found,
        counts=[one for one in counts if one[1]],
        writes=found.count(Outcome.CREATE) + found.count(Outcome.RENAME),
        says=SAYS,
        text=text,
        changed=changed,
    )


@organization_page("organization-people", OrganizationAct.MANAGE_PEOPLE, form=True)
async def confirm(frame: OrganizationFrame) -> Response:
    """Write what was shown; where it would end otherwise now, show that instead."""
    form = await frame.request.form()
    text = text_of(form, "text")[:MOST_BYTES]
    try:
        done, found = await import_people(
            frame.services, frame.owner_id, text, text_of(form, "seal"), frame.account.id, frame.now
        )
    except CommandError as error:
        if error.problem is not Problem.INVALID:
            raise
        return _form(frame, f"{error.message} Expected: {error.expected}.")
    return frame.go("/people", "imported") if done else _previewed(frame, found, text, changed=True)
