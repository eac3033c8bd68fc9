"""Passkeys: registered, and proven with or without a password (O6; Web Authentication Level 2 §7.1, §7.2).

The person is verified on the device each time (a PIN, a finger), so that a passkey is two factors in one. Attestation is not asked
for: any device will do.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from workbadge.keys import hash_secret
from workbadge.store import factors, records, used_proofs
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind
from workbadge.terms.methods import FactorKind

from .errors import CommandError, Problem
from .factors import check_factor_name, check_room, fresh_codes, load_active, note
from .services import Services
from .transaction import in_transaction

LIFE = timedelta(minutes=10)
"""How long a challenge can be answered."""

LONGEST = 32_768


@dataclass(frozen=True, slots=True)
class Challenge:
    """What an authenticator is to sign, made at ``since``; it is answered once."""

    value: bytes
    since: datetime


def _party(services: Services) -> tuple[str, str]:
    """Whom passkeys are for: the host of this platform, and the origin of its pages."""
    parts = urlsplit(services.base_url)
    return parts.hostname or "", f"{parts.scheme}://{parts.netloc}"


def _handle(account_id: int) -> bytes:
    """By what a device knows an account: nothing about the person can be read from it (§14.6.1)."""
    return hash_secret(f"passkey {account_id}")


def creation_options(services: Services, account: Any, held: list[Any], challenge: Challenge) -> str:
    """What ``navigator.credentials.create`` is given, as JSON; ``held``: factors that the account has."""
    host, _ = _party(services)
    options = webauthn.generate_registration_options(
        rp_id=host,
        rp_name="Workbadge",
        user_name=account.email,
        user_id=_handle(account.id),
        user_display_name=account.name,
        challenge=challenge.value,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(held),
    )
    return webauthn.options_to_json(options)


def request_options(services: Services, held: list[Any], challenge: Challenge) -> str:
    """What ``navigator.credentials.get`` is given, as JSON; ``held``: factors of the account that is to prove itself, none
    where the passkey says whose it is."""
    options = webauthn.generate_authentication_options(
        rp_id=_party(services)[0],
        challenge=challenge.value,
        allow_credentials=_descriptors(held),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def _descriptors(held: list[Any]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(bytes(one.credential_id)) for one in held if one.kind == FactorKind.PASSKEY.value
    ]


def _refused() -> CommandError:
    """The same whatever is wrong with an answer (AC-45)."""
    return CommandError(
        Problem.UNAUTHENTICATED,
        "This passkey was not accepted.",
        "a passkey of this login, used just now",
        "credential",
    )


async def _use(tx: Tx, challenge: Challenge) -> None:
    """A challenge is answered once. Raises UNAUTHENTICATED."""
    mark = hash_secret(f"passkey challenge {challenge.value.hex()}")
    if await used_proofs.is_used(tx, mark):
        raise _refused()
    await used_proofs.add_used(tx, mark, challenge.since + LIFE)


async def add_passkey(
    services: Services, account_id: int, credential: str, challenge: Challenge, name: str, now: datetime
) -> tuple[str, ...]:
    """Register a passkey; the first factor of an account brings its recovery codes. Raises UNAUTHENTICATED, INVALID, CONFLICT,
    NOT_FOUND."""
    name = check_factor_name(name or "Passkey")
    host, origin = _party(services)
    try:
        made = webauthn.verify_registration_response(
            credential=credential[:LONGEST],
            expected_challenge=challenge.value,
            expected_rp_id=host,
            expected_origin=origin,
            require_user_verification=True,
        )
    except Exception as error:  # what a stranger sent, in the hands of a parser: any failure is a refusal
        raise _refused() from error

    async def work(tx: Tx) -> tuple[str, ...]:
        account = await load_active(tx, account_id)
        held = await check_room(tx, account_id)
        await _use(tx, challenge)
        if await factors.find_passkey(tx, made.credential_id) is not None:
            raise _refused()
        factor_id = services.entropy.new_id(NodeKind.RECORD)
        key = made.credential_id, made.credential_public_key, made.sign_count
        await factors.add_passkey(tx, factor_id, account_id, name, *key, now)
        await note(tx, services, account, "account.factor_added", now, kind=FactorKind.PASSKEY.value)
        return () if held else await fresh_codes(tx, services, account_id)

    return await in_transaction(services, work)


async def prove_passkey(
    services: Services, credential: str, challenge: Challenge, now: datetime, account_id: int | None = None
) -> int:
    """Whose passkey signed the challenge; of ``account_id`` alone where it is given. Raises UNAUTHENTICATED.

    A counter that does not go forward is refused: the passkey may have been copied (§7.2 step 21).
    """
    given = _read(credential)

    async def work(tx: Tx) -> int:
        row = await factors.find_passkey(tx, given[0])
        if row is None or account_id not in (None, row.account_id):
            raise _refused()
        if given[1] not in (None, _handle(row.account_id)) or (account_id is None and given[1] is None):
            raise _refused()
        account = await records.find_account(tx, row.account_id)
        if account is None or account.suspended_at is not None or account.deleted_at is not None:
            raise _refused()
        count = _verify(services, credential, challenge, row)
        await _use(tx, challenge)
        if not await factors.use_passkey(tx, row.id, row.sign_count, count, now):
            raise _refused()
        return int(row.account_id)

    return await in_transaction(services, work)


def _read(credential: str) -> tuple[bytes, bytes | None]:
    """Id and user handle that an answer names. Raises UNAUTHENTICATED."""
    try:
        given = json.loads(credential[:LONGEST])
        handle = given["response"].get("userHandle")
        return base64url_to_bytes(given["rawId"]), None if handle is None else base64url_to_bytes(handle)
    except Exception as error:  # see add_passkey
        raise _refused() from error


def _verify(services: Services, credential: str, challenge: Challenge, row: Any) -> int:
    """The counter of a right answer. Raises UNAUTHENTICATED."""
    host, origin = _party(services)
    try:
        found = webauthn.verify_authentication_response(
            credential=credential[:LONGEST],
            expected_challenge=challenge.value,
            expected_rp_id=host,
            expected_origin=origin,
            credential_public_key=bytes(row.public_key),
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # see add_passkey
        raise _refused() from error
    return found.new_sign_count
