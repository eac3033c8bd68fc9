"""What an operator has stopped for an app, as its calls are told (``wire.md`` §3.12: 368, 3, 10)."""

from workbadge.commands.app_status import list_open
from workbadge.commands.services import Services
from workbadge.store.engine import Tx
from workbadge.terms.apps import Limits, Restriction
from workbadge.terms.instants import to_wire
from workbadge.web.wire import WireError

BLOCKED = "(#368) The action attempted has been deemed abusive or is otherwise disallowed."
CANNOT = "(#3) Application does not have the capability to make this API call."


async def check_limits(
    services: Services, app_id: int, limits: Limits, writing: bool, reader: Tx | None = None
) -> None:
    """Raises WireError 368 when every call of the app is stopped, 3 when it is one that changes something and those are. Both
    say why and since when. ``reader``: the transaction that the caller is in."""
    if not (limits.api or (limits.write and writing)):
        return
    kind = Restriction.API if limits.api else Restriction.WRITE
    if reader is not None:
        found = await list_open(reader, app_id, kind)
    else:
        async with services.store.read() as tx:
            found = await list_open(tx, app_id, kind)
    data = {"reason": found[0].reason, "since": to_wire(found[0].starts)} if found else {"reason": "", "since": None}
    raise WireError(368 if limits.api else 3, BLOCKED if limits.api else CANNOT, data=data)


def no_permission() -> WireError:
    """The permission that would suffice was taken from the app (``wire.md`` §3.12)."""
    return WireError(10, "(#10) Application does not have permission for this action")
