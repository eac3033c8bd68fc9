"""Randomness as a port, so that a world can be seeded (``house.md`` §3)."""

import hashlib
import secrets

from workbadge.terms.ids import RANDOM_SPAN, NodeId, make_id
from workbadge.terms.kinds import NodeKind

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Entropy:
    """Random bytes from the operating system, and what is made of them."""

    def bytes(self, count: int) -> bytes:
        """``count`` random bytes."""
        return secrets.token_bytes(count)

    def below(self, limit: int) -> int:
        """An integer in ``[0, limit)``, uniform up to 2**-64."""
        return int.from_bytes(self.bytes((limit.bit_length() + 7) // 8 + 8), "big") % limit

    def text(self, length: int) -> str:
        """``length`` letters and digits (5.95 bits each)."""
        return "".join(_ALPHABET[self.below(62)] for _ in range(length)) if length < 16 else _to_text(self, length)

    def new_id(self, kind: NodeKind) -> NodeId:
        """A fresh id of ``kind``."""
        return make_id(kind, self.below(RANDOM_SPAN))


def _to_text(entropy: Entropy, length: int) -> str:
    """Long texts from one draw."""
    number = int.from_bytes(entropy.bytes(length), "big")
    letters = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        letters.append(_ALPHABET[digit])
    return "".join(letters)


class SeededEntropy(Entropy):
    """Repeatable bytes from a seed. For worlds only: anybody who knows the seed knows every secret."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def bytes(self, count: int) -> bytes:
        """``count`` bytes, the same for the same seed and history."""
        out = b""
        while len(out) < count:
            self._count += 1
            out += hashlib.sha256(self._seed + self._count.to_bytes(8, "big")).digest()
        return out[:count]
