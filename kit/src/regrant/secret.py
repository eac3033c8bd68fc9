"""A text that must not be seen: tokens, app secrets."""

import hmac
from typing import NoReturn


class Secret:
    """A token or a secret. Its text comes out by ``reveal()`` alone: never by ``str``, ``repr``, ``format``, pickling or JSON.

    So a log line, a traceback with local variables and a printed row show ``Secret(…)``. Equality takes constant time.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text:
            raise TypeError("a secret is made of a text that is not empty")
        self.__text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: keep it in the vault")
