"""Apps as their makers and the operator see them: settings, roles, permissions, restrictions, test users."""

from typing import Any

from sqlalchemy import update

from .engine import Tx
from .schema import app


async def set_columns(tx: Tx, app_id: int, values: dict[str, Any]) -> int:
    """Change columns of an app. How many apps that were."""
    return await tx.run(update(app).where(app.c.id == app_id).values(values))
