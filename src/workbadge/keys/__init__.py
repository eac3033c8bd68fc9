"""Hashing, sealing, signing, randomness: everything secret. Imports ``terms`` only.

The only room that may draw random numbers; everybody else gets them through ``Entropy``.
"""

from .entropy import Entropy, SeededEntropy
from .passwords import PasswordError, Passwords
from .proof import app_secret_proof, proof_matches, same
from .seal import Sealer
from .signed_request import make_signed_request
from .signing import SIGNING_ALGORITHMS, KeyPair, make_key_pair, read_jwt, sign_jwt
from .tokens import (
    RestrictedText,
    TokenText,
    derive_token,
    hash_secret,
    make_directory_token,
    make_refresh_token,
    make_restricted,
    make_token,
    read_directory_token,
    read_refresh_token,
    read_restricted,
    read_token,
)

__all__ = [
    "SIGNING_ALGORITHMS",
    "Entropy",
    "KeyPair",
    "PasswordError",
    "Passwords",
    "RestrictedText",
    "Sealer",
    "SeededEntropy",
    "TokenText",
    "app_secret_proof",
    "derive_token",
    "hash_secret",
    "make_directory_token",
    "make_key_pair",
    "make_refresh_token",
    "make_restricted",
    "make_signed_request",
    "make_token",
    "proof_matches",
    "read_directory_token",
    "read_jwt",
    "read_refresh_token",
    "read_restricted",
    "read_token",
    "same",
    "sign_jwt",
]
