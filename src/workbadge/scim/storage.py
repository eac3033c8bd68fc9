"""The port through which scim2-server reads and writes: one transaction for each operation (RFC 7644 §3.7)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from scim2_models import (
    NotImplementedException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
)
from scim2_server.storage import AsyncScimStorage, SearchPage

from workbadge.commands.services import Services
from workbadge.store.directory_users import lock_directory
from workbadge.store.engine import StoreConflictError, Tx

from .groups import Groups
from .people import People
from .provider import GROUP
from .searching import search


class DirectoryStorage(AsyncScimStorage):
    """The resources of one organization for one request. ``writing``: its operations change something, so that each holds the
    directory from its first read on: what a PATCH rests on is what it changes."""

    supports_cursors = True

    def __init__(self, services: Services, organization_id: int, now: datetime, writing: bool) -> None:
        self._services = services
        self._organization_id = organization_id
        self._now = now
        self._writing = writing
        self._tx: Tx | None = None
        self.met = False
        """Whether the last operation met another one's writes and may be tried again."""

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """One transaction."""
        self.met = False
        store = self._services.store
        try:
            async with store.write() if self._writing else store.read() as tx:
                if self._writing:
                    await lock_directory(tx, self._organization_id)
                self._tx = tx
                yield
        except StoreConflictError:
            self.met = True
            raise
        finally:
            self._tx = None

    def shelf(self, kind: ResourceType) -> People | Groups:
        """The resources of a type, in the open transaction."""
        return self.groups() if kind.name == GROUP else self._people()

    def groups(self) -> Groups:
        """The groups, in the open transaction."""
        return Groups(self._open(), self._services, self._organization_id, self._now)

    def _people(self) -> People:
        return People(self._open(), self._services, self._organization_id, self._now)

    def _open(self) -> Tx:
        if self._tx is None:
            raise RuntimeError("expected an open operation")
        return self._tx

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        return await self.shelf(resource_type).get(resource_id, response_parameters)

    async def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        if len(resource_types) != 1:
            raise NotImplementedException(detail="Search the users or the groups, not all resources at once")
        return await search(self.shelf(resource_types[0]), search_request, position)

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        return await self.shelf(resource_type).add(resource)

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        shelf = self.shelf(resource_type)
        await self._check_version(resource_type, str(resource.id), expected_version)
        return await shelf.put(str(resource.id), resource)

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        await self._check_version(resource_type, resource_id, expected_version)
        await self.shelf(resource_type).drop(resource_id)

    async def _check_version(self, resource_type: ResourceType, resource_id: str, expected: str | None) -> None:
        if expected is None:
            return
        present = await self.shelf(resource_type).get(resource_id)
        if present.meta is None or present.meta.version != expected:
            raise PreconditionFailedException
