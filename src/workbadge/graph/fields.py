"""The ``fields`` grammar (``wire.md`` §3.9): ``list := item(,item)*``, ``item := name(.modifier(args))*({list})?``."""

from dataclasses import dataclass
from functools import lru_cache

from workbadge.web.wire import WireError

LONGEST = 8_000
DEEPEST = 6
MOST = 200
MODIFIERS = frozenset(
    {
        "limit",
        "order",
        "as",
        "after",
        "before",
        "summary",
        "fields",
        "offset",
        "type",
        "width",
        "height",
        "since",
        "until",
        "business",
        "email",
    }
)
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True, slots=True)
class Field:
    """One asked field: its name, the key under which it is answered, its modifiers, the fields asked of it."""

    name: str
    key: str
    modifiers: tuple[tuple[str, str], ...] = ()
    children: tuple["Field", ...] = ()

    def modifier(self, name: str) -> str | None:
        """The argument of a modifier, or None."""
        return next((value for key, value in self.modifiers if key == name), None)

    def write(self) -> str:
        """The field as the grammar writes it."""
        modifiers = "".join(f".{key}({value})" for key, value in self.modifiers)
        children = f"{{{write_fields(self.children)}}}" if self.children else ""
        return f"{self.name}{modifiers}{children}"


def write_fields(fields: tuple[Field, ...]) -> str:
    """The text that ``parse_fields`` reads as ``fields``."""
    return ",".join(one.write() for one in fields)


def _error(at: int, text: str) -> WireError:
    near = text[at : at + 20]
    return WireError(
        2500,
        f"Syntax error \"Expected end of string instead of '{near}'.\" at character {at}: {text[:80]}",
    )


class _Parser:
    """A recursive descent over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._count = 0

    def parse(self) -> tuple[Field, ...]:
        """The whole text."""
        found = self._list(1)
        if self._at != len(self._text):
            raise _error(self._at, self._text)
        return found

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _list(self, depth: int) -> tuple[Field, ...]:
        if depth > DEEPEST:
            raise WireError(100, f"(#100) Fields are nested deeper than {DEEPEST} levels.")
        items = [self._item(depth)]
        while self._peek() == ",":
            self._at += 1
            items.append(self._item(depth))
        return tuple(items)

    def _name(self) -> str:
        start = self._at
        while self._peek() in _NAME and self._peek():
            self._at += 1
        if start == self._at:
            raise _error(start, self._text)
        return self._text[start : self._at]

    def _item(self, depth: int) -> Field:
        self._count += 1
        if self._count > MOST:
            raise WireError(100, f"(#100) More than {MOST} fields were asked for.")
        name = self._name()
        modifiers: list[tuple[str, str]] = []
        while self._peek() == ".":
            self._at += 1
            modifier = self._name()
            if modifier not in MODIFIERS and not modifier.startswith("filter_"):
                raise WireError(2500, f"Unknown modifier {modifier[:40]} on field {name[:40]}")
            modifiers.append((modifier, self._arguments()))
        children: tuple[Field, ...] = ()
        if self._peek() == "{":
            self._at += 1
            children = self._list(depth + 1)
            if self._peek() != "}":
                raise _error(self._at, self._text)
            self._at += 1
        alias = next((value for key, value in modifiers if key == "as"), name)
        return Field(name, alias, tuple(modifiers), children)

    def _arguments(self) -> str:
        if self._peek() != "(":
            raise _error(self._at, self._text)
        end = self._text.find(")", self._at)
        if end < 0:
            raise _error(self._at, self._text)
        inner = self._text[self._at + 1 : end]
        self._at = end + 1
        return inner


@lru_cache(maxsize=2048)
def parse_fields(text: str) -> tuple[Field, ...]:
    """The fields that ``text`` asks for; none for an empty text (default fields). Blanks are ignored.

    Raises WireError 2500 for a syntax error, 100 when it is too long, too deep or too many.
    """
    if len(text) > LONGEST:
        raise WireError(100, f"(#100) The list of fields is longer than {LONGEST} characters.")
    compact = "".join(text.split()).strip(",")
    return _Parser(compact).parse() if compact else ()
