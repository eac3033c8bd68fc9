"""An organization's connections to identity providers: the closed words about them (O3)."""

from enum import StrEnum


class ConnectionKind(StrEnum):
    """The protocol that an identity provider is spoken to in."""

    OIDC = "oidc"


class ConnectionState(StrEnum):
    """How far a connection is. Only one that is ``on`` signs people in."""

    DRAFT = "draft"
    TESTED = "tested"
    ON = "on"
    OFF = "off"


class ClientProof(StrEnum):
    """How this server proves itself at an OpenID provider's token endpoint (OpenID Connect Core §9)."""

    SECRET_BASIC = "client_secret_basic"
    SECRET_POST = "client_secret_post"
    KEY = "private_key_jwt"


class Purpose(StrEnum):
    """What a login that is under way at an identity provider is for."""

    SIGN_IN = "sign_in"
    TEST = "test"
