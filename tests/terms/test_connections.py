"""The closed words about connections to identity providers: what is stored and said on the wire is what the standards call it."""

from workbadge.terms.connections import ClientProof, ConnectionKind, ConnectionState, Purpose


def test_proofs_are_named_as_the_standard_names_them() -> None:
    """OpenID Connect Core §9: the ways in which a client proves itself have their registered names."""
    assert [one.value for one in ClientProof] == ["client_secret_basic", "client_secret_post", "private_key_jwt"]


def test_stored_words_stay_as_they_are() -> None:
    """House 14: kinds, states and purposes are closed sets; what rows of earlier versions hold is read as before."""
    assert ConnectionKind("oidc") is ConnectionKind.OIDC
    assert {one.value for one in ConnectionState} == {"draft", "tested", "on", "off"}
    assert {"sign_in", "test"} <= {one.value for one in Purpose}
