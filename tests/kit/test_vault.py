"""The vault: tokens sealed at rest, one tenant's rows alone, keys that rotate while everything goes on (rule P1)."""

import logging
import pickle
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from regrant import LocalKeys, NotInVaultError, Secret, State, VaultKeyError
from tests.kit.conftest import BEGIN, Place

USER, PAGE = "EAAuser" + "u" * 90, "EAApage" + "p" * 90


def kept(vault: Any, asset: str = "200", user: str = USER, page: str | None = PAGE) -> tuple[str, Any]:
    """A connection with one asset; its id and the asset's row."""
    connection = vault.add_connection("app1")
    token = vault.add_token(connection.id, Secret(user), holder="500", scopes=["pages_show_list", "ads_read"])
    row = vault.put(
        connection.id, asset, token, kind="page", name="Café", page_token=None if page is None else Secret(page)
    )
    return connection.id, row


def everything(place: Place) -> str:
    """All that the database holds."""
    names = ("data_key", "connection", "token", "asset", "event", "login", "seen")
    return "".join(repr(place.rows(f"SELECT * FROM regrant_{name}")) for name in names)


def test_a_kept_token_comes_back_and_rests_sealed(place: Place) -> None:
    """P1: a token comes back as it was, from the vault of its tenant, and no row of the database holds its text."""
    connection, _ = kept(place.vault())

    token = place.vault().token(connection, "200")

    assert token.secret.reveal() == PAGE and token.asset == "200" and token.holder == "500"
    stored = place.vault().stored_token(place.vault().asset(connection, "200").token)
    assert stored.scopes == ("pages_show_list", "ads_read")
    assert place.vault().secret_of(stored).reveal() == USER
    held = everything(place)
    assert connection in held and "EAA" not in held


def test_an_asset_without_a_token_of_its_own_uses_its_persons(place: Place) -> None:
    """P1: an ad account is reached with the token of the person, a page with its own."""
    connection, _ = kept(place.vault(), "act_7", page=None)
    assert place.vault().token(connection, "act_7").secret.reveal() == USER


def test_tenants_share_nothing(place: Place) -> None:
    """MT-39: two tenants that connect the same asset have a row and a token each, and neither finds what is the other's."""
    ours, row = kept(place.vault("acme"))
    theirs, _ = kept(place.vault("globex"), user="EAAother" + "o" * 90, page=None)

    other = place.vault("globex")
    assert other.token(theirs, "200").secret.reveal().startswith("EAAother")
    assert place.vault("acme").token(ours, "200").secret.reveal() == PAGE
    for ask in (
        lambda: other.token(ours, "200"),
        lambda: other.asset(ours, "200"),
        lambda: other.connection(ours),
        lambda: other.stored_token(row.token),
        lambda: other.mark(row, State.LOST),
        lambda: other.add_token(ours, Secret(USER), holder="1"),
    ):
        with pytest.raises(NotInVaultError):
            ask()
    assert other.assets(ours) == [] and other.history(ours, "200") == []
    assert [one.id for one in other.connections()] == [theirs]


def test_a_row_moved_to_another_tenant_does_not_open(place: Place) -> None:
    """MT-39: a sealed token that was stored under the wrong tenant, or for the wrong asset, opens nowhere."""
    ours, _ = kept(place.vault("acme"))
    theirs, _ = kept(place.vault("globex"))
    stolen = place.rows("SELECT sealed FROM regrant_asset WHERE tenant = 'acme'")[0][0]
    place.rows("UPDATE regrant_asset SET sealed = :sealed WHERE tenant = 'globex'", sealed=stolen)
    place.rows("UPDATE regrant_asset SET asset = '201' WHERE tenant = 'acme'")

    with pytest.raises(VaultKeyError, match="no data key"):
        place.vault("globex").token(theirs, "200")
    with pytest.raises(VaultKeyError, match="another place"):
        place.vault("acme").token(ours, "201")


def test_ids_of_connections_cannot_be_guessed(place: Place) -> None:
    """MT-39: a connection's id has 128 random bits, and none looks like the one before."""
    ids = {place.vault().add_connection("app1").id for _ in range(20)}
    assert len(ids) == 20 and all(len(one) >= 26 for one in ids)
    assert len({one[:8] for one in ids}) > 15


def test_a_vault_needs_a_tenant(place: Place) -> None:
    """P1: a vault without a tenant cannot be opened."""
    with pytest.raises(ValueError, match="tenant"):
        place.vault("")


def test_what_an_asset_became_is_kept_as_its_history(place: Place) -> None:
    """P1: each change of an asset's state is a line of its history, with reason and instant; saying the same again is none."""
    vault = place.vault()
    connection, row = kept(vault)
    until = BEGIN + timedelta(days=30)
    place.pass_time(hours=1)
    row = vault.mark(row, State.EXPIRING, "migration", until)
    assert vault.mark(row, State.EXPIRING, "migration", until) is row
    place.pass_time(days=30)
    vault.mark(row, State.LOST, "lost_reach")

    assert [(line.state, line.reason, line.until, line.at - BEGIN) for line in vault.history(connection, "200")] == [
        (State.OK, None, None, timedelta()),
        (State.EXPIRING, "migration", until, timedelta(hours=1)),
        (State.LOST, "lost_reach", None, timedelta(days=30, hours=1)),
    ]
    assert vault.token(connection, "200").secret.reveal() == PAGE


def test_a_removed_asset_has_no_token(place: Place) -> None:
    """P1: what the customer removed from the app is handed out no longer."""
    vault = place.vault()
    connection, row = kept(vault)
    vault.mark(row, State.REMOVED)
    with pytest.raises(NotInVaultError):
        vault.token(connection, "200")


def test_of_two_changes_at_once_one_is_made(place: Place) -> None:
    """P3: who changes a row that was changed in between changes nothing and is told."""
    vault = place.vault()
    connection, row = kept(vault)
    token = vault.add_token(connection, Secret("EAAnew"), holder="501", managed=True)

    assert vault.put(connection, "200", token, over=row).version == 2
    assert vault.mark(row, State.LOST, "lost_reach") is None
    assert vault.put(connection, "200", token, over=row) is None
    assert vault.put(connection, "200", token) is None
    assert vault.asset(connection, "200").state is State.OK and len(vault.history(connection, "200")) == 2


def test_a_token_of_one_connection_is_not_put_on_another(place: Place) -> None:
    """MT-39: a token reaches the assets of the connection it was given to, not those of another."""
    vault = place.vault()
    _, row = kept(vault)
    other = vault.add_connection("app2")
    with pytest.raises(NotInVaultError):
        vault.put(other.id, "200", vault.stored_token(row.token))


def test_many_writers_end_in_one_row(place: Place) -> None:
    """P3: of eight who change the same row at once, from processes of their own, exactly one does."""
    if place.form.name == "async":
        pytest.skip("threads are the blocking form's")
    vault = place.vault()
    connection, row = kept(vault)
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda n: place.vault().mark(row, State.LOST, f"reason{n}"), range(8)))
    assert len([one for one in done if one]) == 1 and len(vault.history(connection, "200")) == 2


def test_the_master_key_rotates_while_everything_goes_on(place: Place) -> None:
    """P1: with both keys known, readers and writers go on through a rotation; afterwards the old key is needed no more."""
    first, second = LocalKeys.new_key(), LocalKeys.new_key()
    old = LocalKeys({"m1": first}, "m1")
    both = LocalKeys({"m1": first, "m2": second}, "m2")
    connection, _ = kept(place.vault(keys=old))
    running = place.vault(keys=old)
    assert running.token(connection, "200").secret.reveal() == PAGE

    assert place.vault(keys=both).rotate() == 1
    assert running.token(connection, "200").secret.reveal() == PAGE
    kept(running, "201")
    new = place.vault(keys=LocalKeys({"m2": second}, "m2"))
    assert new.token(connection, "200").secret.reveal() == PAGE
    assert place.vault(keys=both).rotate() == 0


def test_data_keys_rotate_and_a_rotation_may_stop_halfway(place: Place) -> None:
    """P1: tokens are sealed anew under a new data key; stopped half-way all stay readable, and the next call goes on."""
    vault = place.vault()
    connection, _ = kept(vault)
    kept(vault, "201")
    old = place.rows("SELECT id FROM regrant_data_key")[0][0]
    place.pass_time(seconds=1)
    reseal = place.raw.reseal_asset

    def dies(*args: Any) -> Any:
        raise OSError("the machine stops here")

    place.raw.reseal_asset = dies
    with pytest.raises(OSError, match="stops here"):
        vault.rotate(new_key=True)
    place.raw.reseal_asset = reseal

    assert place.vault().token(connection, "200").secret.reveal() == PAGE
    assert place.vault().rotate() == 2
    assert f".{old}." not in everything(place)
    assert place.vault().token(connection, "200").secret.reveal() == PAGE


def test_a_lost_master_key_is_said_and_hurts_nobody_else(place: Place) -> None:
    """P1: without its master key a vault says which key is missing and changes nothing; another tenant's is not touched."""
    lost, had = LocalKeys({"m1": LocalKeys.new_key()}, "m1"), LocalKeys({"m2": LocalKeys.new_key()}, "m2")
    ours, _ = kept(place.vault("acme", lost))
    theirs, _ = kept(place.vault("globex", had))
    before = everything(place)

    with pytest.raises(VaultKeyError, match="'m1' is not among"):
        place.vault("acme", had).token(ours, "200")
    with pytest.raises(VaultKeyError, match="'m1' is not among"):
        place.vault("acme", had).rotate()
    with pytest.raises(VaultKeyError, match="another key"):
        place.vault("acme", LocalKeys({"m1": LocalKeys.new_key()}, "m1")).token(ours, "200")
    assert place.vault("globex", had).token(theirs, "200").secret.reveal() == PAGE
    assert everything(place) == before


def test_a_key_service_of_ones_own(place: Place) -> None:
    """P1: any key service with ``current``, ``wrap`` and ``unwrap`` will do, and is asked once per data key and process."""

    class Kms:
        current = "arn:key/1"
        asked = 0

        def wrap(self, key: bytes, about: bytes) -> bytes:
            return bytes(255 - byte for byte in key) + about

        def unwrap(self, master: str, wrapped: bytes, about: bytes) -> bytes:
            self.asked += 1
            assert master == self.current and wrapped[32:] == about and b"acme" in about
            return bytes(255 - byte for byte in wrapped[:32])

    kms = Kms()
    connection, _ = kept(place.vault(keys=kms))
    vault, before = place.vault(keys=kms), kms.asked
    assert [vault.token(connection, "200").secret.reveal() for _ in range(3)] == [PAGE] * 3
    assert kms.asked == before + 1


def test_tokens_are_in_no_log_and_no_traceback(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """P1: neither the log of all libraries at its finest, nor a traceback with every local variable, nor a repr shows a token."""
    caplog.set_level(logging.DEBUG)
    vault = place.vault()
    connection, row = kept(vault)
    token = vault.add_token(connection, Secret(USER), holder="500")

    def dies(*args: Any) -> Any:
        raise OSError("no database")

    place.raw.reseal_token = place.raw.put_asset = place.raw.add_token = dies
    place.pass_time(seconds=1)
    shown = repr((vault, row, token, vault.token(connection, "200"), place.keys, place.storage.data_keys("acme")))
    for attempt in (
        lambda: vault.rotate(new_key=True),
        lambda: vault.put(connection, "9", token, page_token=Secret(PAGE)),
        lambda: vault.add_token(connection, Secret(USER), holder="500"),
    ):
        with pytest.raises(OSError) as caught:
            attempt()
        # The first frame is this test's own, whose variables it knows itself.
        whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        del whole.stack[:2]
        shown += "".join(whole.format())
    assert "regrant" in shown and "no database" in shown
    for found in (shown, caplog.text):
        assert USER not in found and PAGE not in found and "EAA" not in found


def test_a_secret_shows_itself_to_nobody() -> None:
    """P1: a secret's text is in no str, repr, format or pickle, and equal secrets are equal."""
    one = Secret("EAAx")
    assert {str(one), repr(one), f"{one}", f"{one:>3}", repr([one])} == {"Secret(…)", "[Secret(…)]"}
    with pytest.raises(TypeError):
        pickle.dumps(one)
    assert one == Secret("EAAx") != Secret("EAAy") and one != "EAAx" and len({one, Secret("EAAx")}) == 1
    with pytest.raises(TypeError):
        Secret("")


def test_keys_of_the_wrong_size_are_refused() -> None:
    """P1: a master key that is no 32 bytes, or the current one missing, is refused at once with what was expected."""
    for bad in (b"short", "###", LocalKeys.new_key()[:-8]):
        with pytest.raises(VaultKeyError, match="32 bytes"):
            LocalKeys({"m1": bad}, "m1")
    with pytest.raises(VaultKeyError, match="not among"):
        LocalKeys({"m1": LocalKeys.new_key()}, "m2")
