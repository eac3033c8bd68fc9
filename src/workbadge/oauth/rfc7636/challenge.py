"""The authorization request's side; the verifier is judged with the code in ``commands.token``."""

from workbadge.commands.token import CHALLENGE
from workbadge.oauth.rfc6749.authorization import Authorization, invalid


def check_challenge(asked: Authorization) -> None:
    """``code_challenge`` of 43 characters with ``code_challenge_method=S256``. There is no default method: RFC 7636 §4.3
    would make it ``plain``."""
    method, challenge = asked.values.get("code_challenge_method"), asked.values.get("code_challenge")
    if challenge is None:
        raise invalid("The parameter code_challenge is missing (PKCE is needed by every client).")
    if method != "S256":
        raise invalid("Expected code_challenge_method=S256.")
    if not CHALLENGE.fullmatch(challenge):
        raise invalid("Expected a code_challenge of 43 base64url characters.")
