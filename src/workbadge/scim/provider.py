"""What the service says of itself, and how far it lets a directory depart from the letter of the RFCs (RFC 7643 §5–7)."""

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    EnterpriseUser,
    ETag,
    External,
    Filter,
    Mutability,
    Pagination,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    User,
)

PersonModel = User[EnterpriseUser]


class Member(ComplexAttribute):
    """A member as RFC 7643 §8.7.1 has it: who it is, and nothing that could be out of date."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User[Any]] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A group of users (RFC 7643 §4.2)."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[Member] | None = None


USER, GROUP = "User", "Group"

PAGE_SIZE, MOST_RESULTS = 100, 1_000
BULK_OPERATIONS, BULK_BYTES = 1_000, 4 * 1_048_576
BODY_BYTES = 8 * 1_048_576

POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What Entra and Okta send and the RFCs do not know (SC-04, SC-07, SC-11)."""


def make_provider() -> ScimProvider:
    """Users with the enterprise extension, and groups."""
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=BULK_OPERATIONS, max_payload_size=BULK_BYTES),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        pagination=Pagination(
            cursor=True,
            index=True,
            default_pagination_method=Pagination.DefaultPaginationMethod.index,
            default_page_size=PAGE_SIZE,
            max_page_size=MOST_RESULTS,
        ),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="A credential of the organization's directory",
                spec_uri=Reference[External]("https://datatracker.ietf.org/doc/html/rfc6750"),
                primary=True,
            )
        ],
    )
    types = [ResourceType.from_resource(model) for model in (PersonModel, Group)]
    return ScimProvider([User, EnterpriseUser, Group], types, config, POLICY)
