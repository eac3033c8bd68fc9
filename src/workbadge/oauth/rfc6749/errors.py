"""Refusals of the OAuth side: an error code of a registered list, a sentence for the developer (RFC 6749 §4.1.2.1, §5.2)."""

_REALM = 'realm="workbadge"'


class OAuthError(Exception):
    """An endpoint refuses. ``error``: a code of the RFC at hand; ``description``: what was expected, what came.

    ``challenge``: the value of WWW-Authenticate, if there is one; ``headers``: further ones.
    """

    def __init__(
        self,
        error: str,
        description: str,
        status: int = 400,
        challenge: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = plain(description)
        self.status = status
        self.challenge = challenge
        self.headers = headers


def plain(text: str) -> str:
    """``text`` with the characters that an error_description may have (RFC 6749 §5.2), at most 300 of them."""
    return "".join(one if " " <= one <= "~" and one not in '"\\' else "'" for one in text[:300])


def invalid_request(description: str) -> OAuthError:
    """A parameter is missing, repeated or not of its form."""
    return OAuthError("invalid_request", description)


def invalid_client(description: str) -> OAuthError:
    """Client authentication failed: 401 with a challenge, whichever way was tried (OA-30)."""
    return OAuthError("invalid_client", description, 401, f"Basic {_REALM}")


def invalid_grant(description: str) -> OAuthError:
    """A code or refresh token that is not to be used by this client, or not any more."""
    return OAuthError("invalid_grant", description)


def invalid_scope(description: str) -> OAuthError:
    """A scope that does not exist or was not granted."""
    return OAuthError("invalid_scope", description)


def bearer_error(error: str, description: str, status: int, scope: str | None = None) -> OAuthError:
    """A protected resource refuses a token (RFC 6750 §3)."""
    challenge = f'Bearer {_REALM}, error="{error}", error_description="{plain(description)}"'
    if scope is not None:
        challenge += f', scope="{scope}"'
    return OAuthError(error, description, status, challenge)


def bearer_needed() -> OAuthError:
    """No token was sent: a bare challenge (RFC 6750 §3.1)."""
    return OAuthError("invalid_token", "An access token is needed.", 401, f"Bearer {_REALM}")
