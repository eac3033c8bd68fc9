"""The protocol's handler over one organization's resources: refusals in its words, and what met other writes tried again."""

from typing import Any

from scim2_models import (
    ConflictException,
    ForbiddenException,
    InvalidValueException,
    NotFoundException,
    PatchOp,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    UniquenessException,
)
from scim2_server.bulk import BulkPlan, BulkStep
from scim2_server.conditions import Conditions
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation
from scim2_server.service import ScimService

from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.transaction import TRIES
from workbadge.lifecycle.changes import Refusal
from workbadge.store.engine import StoreBusyError, StoreConflictError

from .groups import split_members
from .provider import GROUP, USER, Group
from .storage import DirectoryStorage

WITHOUT_MEMBERS: ResponseParameters[Group] = ResponseParameters[Group].model_validate({"excludedAttributes": "members"})


class BusyError(SCIMException):
    """Others keep the database; nothing was done."""

    status = 503
    _default_detail = "Too much is going on: try again in a moment"


def say_refusal(error: CommandError) -> SCIMException:
    """A command's refusal as the protocol says it (RFC 7644 §3.12)."""
    detail = error.message + (f" Expected: {error.expected}." if error.expected else "")
    if error.problem is Problem.NOT_FOUND:
        return NotFoundException(detail=detail)
    if error.problem is Problem.INVALID:
        return InvalidValueException(detail=detail)
    if error.problem is Problem.CONFLICT and error.refusal is Refusal.LAST_ADMIN:
        return ForbiddenException(detail=detail)
    if error.problem is Problem.CONFLICT:
        return UniquenessException(detail=detail) if error.refusal is None else ConflictException(detail=detail)
    return ForbiddenException(detail=detail)


class DirectoryService(ScimService):
    """The protocol's steps, with a command's refusals among its errors."""

    def error_response(self, exception: Exception) -> ScimResponse:
        """The answer to a refusal or a fault."""
        if isinstance(exception, CommandError):
            exception = say_refusal(exception)
        elif isinstance(exception, StoreBusyError):
            exception = BusyError()
        return super().error_response(exception)

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        """The outcome of a step that was refused or failed."""
        if isinstance(exception, CommandError):
            exception = say_refusal(exception)
        elif isinstance(exception, StoreBusyError):
            exception = BusyError()
        return super().bulk_failure(outcome, exception)


class DirectoryHandler(AsyncScimHandler):
    """Serves one request."""

    storage: DirectoryStorage
    whole = False
    """Whether the answer shows what a PATCH of a group leads to."""

    async def handle(self, request: ScimRequest) -> ScimResponse:
        """As it says; a request that met other writes is tried again from the start (SC-37)."""
        for tried in range(TRIES):
            try:
                return await super().handle(request)
            except StoreConflictError:
                if tried == TRIES - 1 or self.service.match(request).operation is Operation.bulk:
                    raise
        raise AssertionError("unreachable")

    async def replace_resource(
        self, resource_type: ResourceType, current: Resource[Any], replacement: Resource[Any], conditions: Conditions
    ) -> Resource[Any]:
        """As it says; whoever leaves out ``active`` disables and enables nobody (SC-32)."""
        if resource_type.name == USER and replacement.active is None:  # type: ignore[attr-defined]
            replacement.active = current.active  # type: ignore[attr-defined]
        return await super().replace_resource(resource_type, current, replacement, conditions)

    async def patch_resource(
        self, resource_type: ResourceType, resource_id: str, patch_op: "PatchOp[Any]", conditions: Conditions
    ) -> Resource[Any]:
        """As it says; changes of a group's members are made beside the rest, without reading the others (SC-10)."""
        split = split_members(patch_op) if resource_type.name == GROUP else None
        if split is None:
            return await super().patch_resource(resource_type, resource_id, patch_op, conditions)
        changes, rest = split
        groups = self.storage.groups()
        current = await groups.get(resource_id, WITHOUT_MEMBERS)
        self.service.check_preconditions(current, "PATCH", conditions)
        if rest:
            patch_op.operations = rest
            patched = self.service.apply_patch(current, patch_op, Conditions())
            if patched is not None:
                await groups.put_apart(resource_id, patched)
        await groups.change(resource_id, changes)
        return await groups.get(resource_id, None if self.whole else WITHOUT_MEMBERS)

    async def run_bulk_step(
        self, request: ScimRequest, plan: BulkPlan, step: BulkStep
    ) -> tuple[dict[str, Any], Resource[Any] | None]:
        """As it says, each step tried again on its own."""
        for tried in range(TRIES):
            outcome = await super().run_bulk_step(request, plan, step)
            if not self.storage.met or tried == TRIES - 1:
                return outcome
        raise AssertionError("unreachable")
