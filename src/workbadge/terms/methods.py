"""How somebody signed in, and how an OpenID client is told (RFC 8176; O6)."""

from enum import StrEnum


class FactorKind(StrEnum):
    """What a second factor is."""

    TOTP = "totp"
    PASSKEY = "passkey"


class Method(StrEnum):
    """How an account was proven in a browser's session."""

    PASSWORD = "password"
    CLAIM = "claim"
    PASSWORD_TOTP = "password+totp"
    PASSWORD_RECOVERY = "password+code"
    PASSWORD_PASSKEY = "password+passkey"
    PASSKEY = "passkey"
    SSO = "sso"  # the organization's identity provider vouched; what it said of how is kept beside it

    @property
    def amr(self) -> tuple[str, ...]:
        """The methods, in the words of RFC 8176."""
        return _AMR[self]

    @property
    def acr(self) -> str | None:
        """The class of the sign-in, where it has one: resistant to phishing, or of several factors."""
        if self in (Method.PASSKEY, Method.PASSWORD_PASSKEY):
            return PHISHING_RESISTANT
        return SEVERAL_FACTORS if "mfa" in self.amr else None

    @property
    def strong(self) -> bool:
        """Whether more than a password was proven."""
        return "mfa" in self.amr


PHISHING_RESISTANT = "phr"
"""OpenID Connect Extended Authentication Profile ACR Values 1.0 §2."""

SEVERAL_FACTORS = "https://refeds.org/profile/mfa"

_AMR = {
    Method.PASSWORD: ("pwd",),
    Method.CLAIM: ("pwd",),
    Method.PASSWORD_TOTP: ("pwd", "otp", "mfa"),
    Method.PASSWORD_RECOVERY: ("pwd", "mfa"),
    Method.PASSWORD_PASSKEY: ("pwd", "pop", "user", "mfa"),
    Method.PASSKEY: ("pop", "user", "mfa"),
    Method.SSO: (),
}


def read_method(text: str | None) -> Method | None:
    """The method with that value; None for one that is not known here."""
    return next((one for one in Method if one == text), None)
