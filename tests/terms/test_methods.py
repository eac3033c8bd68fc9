"""How somebody signed in, in an OpenID client's words."""

from workbadge.terms.methods import PHISHING_RESISTANT, SEVERAL_FACTORS, Method, read_method


def test_methods_are_told_in_the_words_of_the_rfc() -> None:
    """O6, RFC 8176: several factors are told as such, a passkey as resistant to phishing, a password as neither."""
    assert [one for one in Method if one.strong] == [
        Method.PASSWORD_TOTP,
        Method.PASSWORD_RECOVERY,
        Method.PASSWORD_PASSKEY,
        Method.PASSKEY,
    ]
    assert Method.PASSWORD.amr == ("pwd",) and Method.PASSWORD.acr is None
    assert Method.PASSWORD_TOTP.acr == SEVERAL_FACTORS
    assert Method.PASSKEY.acr == Method.PASSWORD_PASSKEY.acr == PHISHING_RESISTANT
    assert all("pwd" in one.amr for one in Method if one.value.startswith("password"))


def test_unknown_methods_are_none() -> None:
    """O6: what is not known here meets no demand."""
    assert read_method("password+totp") is Method.PASSWORD_TOTP
    assert read_method("carrier pigeon") is None and read_method(None) is None
