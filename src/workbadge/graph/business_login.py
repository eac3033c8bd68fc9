"""Login for Business in the graph: what kind of install a system user belongs to (``wire.md`` §4)."""

from typing import Any

from workbadge.store import business_login

from .context import Call
from .fields import Field
from .nodes import OMIT
from .people import Person


async def install_type(call: Call, person: Person, one: Field) -> Any:
    """Field ``install_type`` of a system user that an install made; of others it is left out."""
    async with call.services.store.read() as tx:
        row = await business_login.find_install_of(tx, person.shown_id)
    if row is None:
        return OMIT
    return "BUSINESS_EXTENSION" if row.external_business_id else "BUSINESS_INTEGRATION"
