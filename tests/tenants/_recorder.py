"""Every statement that runs, as the driver gets it: what it reads, what it is bound to, and the same without one binding."""

import copy
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event

from workbadge.store import postgres, sqlite
from workbadge.store.engine import HotQuery
from workbadge.store.fence import Fence, FenceError
from workbadge.store.schema import metadata

from ._twin import NOBODYS

_PLACE = r"(?:\?\d*|\$\d+(?:::\w+)?)"
_TUPLE = rf"\({_PLACE}(?:, {_PLACE})*\)"
_BOUND = re.compile(
    rf'"?\b(?P<table>\w+)"?\.(?P<column>\w+)(?: \+ {_PLACE})? (?:=|IN) (?P<values>{_PLACE}|{_TUPLE})'
    rf"|\((?P<both>\w+\.\w+(?:, \w+\.\w+)+)\) IN \((?P<rows>(?:VALUES )?{_TUPLE}(?:, {_TUPLE})*)\)"
)
_NOTHING = re.compile(r"\b(\w+)\.\w+ IN \((?:SELECT [^=]*WHERE 1!=1|NULL)\)")
"""How an empty list is written: nothing is asked for."""
_EQUAL = re.compile(rf'\b(\w+)"?\.\w+(?: \+ {_PLACE})? = "?(\w+)"?\.\w+')
_WITHIN = re.compile(r'\b(\w+)"?\.\w+ (?:IN|=) \(SELECT (?:DISTINCT )?"?(\w+)"?\.\w+')
_TABLES = "|".join(sorted(metadata.tables, key=len, reverse=True))
_READS = re.compile(rf'(?:FROM|JOIN|UPDATE|,)\s+\(*"?({_TABLES})"?(?: AS "?(\w+)"?)?(?![\w."])')
_DERIVED = re.compile(r"\)\s+AS (\w+)|(\w+) AS\s+\(")
_ID = re.compile(r"\d{18}")
_KEYS = {
    (table.name, column.name)
    for table in metadata.tables.values()
    for column in table.c
    if column.primary_key or column.foreign_keys or column.name.endswith(("_id", "hash"))
}
_QUIET = ("engine", "sqlite", "postgres", "window", "slices", "keyset", "fence", "kept", "notified", "_recorder")


@dataclass(frozen=True)
class Binding:
    """``number``: which of the statement's comparisons with something bound it is."""

    table: str
    column: str
    values: tuple[Any, ...]
    span: tuple[int, int]
    number: int


def read_tables(sql: str) -> dict[str, str]:
    """Alias to table of everything that a statement reads."""
    return {found[2] or found[1]: found[1] for found in _READS.finditer(sql)}


def _values(sql: str, where: re.Match[str], args: Sequence[Any]) -> tuple[Any, ...]:
    """What stands in the places of a comparison."""
    group = "rows" if where["both"] else "values"
    before = len(re.findall(_PLACE, sql[: where.start(group)]))
    found = []
    for offset, place in enumerate(re.findall(_PLACE, where[group])):
        number = re.search(r"\d+", place)
        found.append(args[int(number[0]) - 1 if number else before + offset])
    return tuple(found)


def bindings(sql: str, args: Sequence[Any]) -> list[Binding]:
    """Every comparison of a key with bound values."""
    tables = read_tables(sql)
    found = []
    for number, where in enumerate(_BOUND.finditer(sql)):
        values = _values(sql, where, args)
        columns = (where["both"] or f"{where['table']}.{where['column']}").split(", ")
        for at, name in enumerate(columns):
            alias, _, column = name.partition(".")
            if (tables.get(alias, ""), column) in _KEYS:
                found.append(Binding(alias, column, values[at :: len(columns)], where.span(), number))
    return found


def _inner(sql: str, name: re.Match[str]) -> str:
    """The text of a derived table, from its name."""
    step = -1 if name[1] else 1
    at = name.start() if name[1] else name.end() - 1
    start, depth = at, 0
    while True:
        depth += {"(": 1, ")": -1}.get(sql[at], 0)
        if depth == 0:
            return sql[min(at, start) : max(at, start) + 1]
        at += step


def unbound(sql: str, args: Sequence[Any], known: set[Any]) -> set[str]:
    """Tenant tables of a statement that no equality leads from to a bound value of ``known`` (or to the hash of a secret)."""
    tables = read_tables(sql)
    groups = {name: {name} for name in tables}

    def join(one: str, other: str) -> None:
        merged = groups.setdefault(one, {one}) | groups.setdefault(other, {other})
        for name in merged:
            groups[name] = merged

    for pattern in (_EQUAL, _WITHIN):
        for found in pattern.finditer(sql):
            join(found[1], found[2])
    for found in _DERIVED.finditer(sql):
        for name in read_tables(_inner(sql, found)):
            join(found[1] or found[2], name)
    held: set[str] = set()
    for found in _NOTHING.finditer(sql):
        held |= groups.get(found[1], set())
    for one in bindings(sql, args):
        if all(isinstance(value, bytes | memoryview) or value in known for value in one.values):
            held |= groups.get(one.table, set())
    return {name for name in tables if name not in held and tables[name] not in NOBODYS}


@dataclass
class Seen:
    """One statement as it ran. ``origin``: the function of the store that asked."""

    sql: str
    args: Sequence[Any]
    origin: str
    unbound: set[str]


@dataclass(frozen=True)
class Mutant:
    """A statement without one of its bindings."""

    sql: str
    number: int
    origin: str = ""

    def apply(self) -> str:
        """The statement that runs instead."""
        found = list(_BOUND.finditer(self.sql))[self.number]
        return f"{self.sql[: found.start()]}({found[0]} OR 1=1){self.sql[found.end() :]}"

    @property
    def drops(self) -> str:
        """The comparison that is dropped."""
        return list(_BOUND.finditer(self.sql))[self.number][0]


@dataclass
class Recorder:
    """Watches while it is installed. ``known``: values that came from the caller, or from rows that were read for it."""

    known: set[Any] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)
    mutant: Mutant | None = None
    raised: set[str] = field(default_factory=set)
    hot: dict[tuple[HotQuery, Mutant], HotQuery] = field(default_factory=dict)
    origin: str = ""

    def begin(self, *known: Any) -> None:
        """A new request, of somebody of whom this is known."""
        self.known, self.seen, self.raised = set(known), [], set()

    def note(self, sql: str, args: Sequence[Any]) -> str:
        """A statement is about to run; the text that is to run."""
        if sql.startswith(("SELECT", "WITH", "UPDATE", "DELETE", "(SELECT")):
            self.seen.append(Seen(sql, args, self.origin, unbound(sql, args, self.known)))
        if self.mutant is not None and self.mutant.sql == sql:
            return self.mutant.apply()
        return sql

    def learn(self, rows: Sequence[Any]) -> None:
        """Rows were read."""
        for row in rows:
            self.known.update(value for value in row if isinstance(value, int | bytes))
            self.known.update(int(one) for value in row if isinstance(value, str) for one in _ID.findall(value))

    def at(self) -> None:
        """Note which function of the store asks."""
        frame = sys._getframe(1)
        while frame is not None:
            name = frame.f_code.co_filename
            room = name.rpartition("/")[2].removesuffix(".py")
            if "/workbadge/" in name and room not in _QUIET:
                self.origin = f"{room}.{frame.f_code.co_name}"
                return
            frame = frame.f_back  # type: ignore[assignment]

    def query(self, query: HotQuery, sql: str, args: Sequence[Any], lite: bool) -> HotQuery:
        """The prepared read that is to run."""
        text = self.note(sql, args)
        if text == sql or self.mutant is None:
            return query
        key = (query, self.mutant)
        if key not in self.hot:
            self.hot[key] = copy.copy(query)
            setattr(self.hot[key], "sqlite_sql" if lite else "postgres_sql", text)
        return self.hot[key]

    def on_execute(self, connection: Any, cursor: Any, sql: str, args: Any, context: Any, many: bool) -> Any:
        """SQLAlchemy's event: before a statement runs."""
        return self.note(sql, args[0] if many and args else args), args


@contextmanager
def recording(patch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Watch both engines. Nothing read earlier is kept meanwhile: every question is asked."""
    recorder = Recorder()
    event.listen(Engine, "before_cursor_execute", recorder.on_execute, retval=True)
    for kind in (sqlite._SqliteTx, postgres._PostgresTx):
        patch.setattr(kind, "rows", _rows(recorder, kind.rows))
        patch.setattr(kind, "one", _one(recorder, kind.one))
        patch.setattr(kind, "run", _one(recorder, kind.run))
    patch.setattr(Fence, "check", _check(recorder, Fence.check))
    first, second, third = sqlite._hot, postgres._hot, postgres._Reader.fetch

    def lite(raw: Any, query: HotQuery, params: Mapping[str, Any]) -> Any:
        recorder.at()
        rows = first(raw, recorder.query(query, query.sqlite_sql, query.sqlite_args(params), True), params)
        recorder.learn(rows)
        return rows

    async def post(raw: Any, query: HotQuery, params: Mapping[str, Any]) -> Any:
        recorder.at()
        rows = await second(raw, recorder.query(query, query.postgres_sql, query.postgres_args(params), False), params)
        recorder.learn(rows)
        return rows

    async def fetch(self: Any, query: HotQuery, params: Mapping[str, Any]) -> Any:
        recorder.at()
        rows = await third(self, recorder.query(query, query.postgres_sql, query.postgres_args(params), False), params)
        recorder.learn(rows)
        return rows

    patch.setattr(sqlite, "_hot", lite)
    patch.setattr(postgres, "_hot", post)
    patch.setattr(postgres._Reader, "fetch", fetch)
    for store in (sqlite.SqliteStore, postgres.PostgresStore):
        patch.setattr(store, "memo", lambda self: None)
    try:
        yield recorder
    finally:
        event.remove(Engine, "before_cursor_execute", recorder.on_execute)


def _check(recorder: Recorder, real: Any) -> Any:
    def check(self: Fence, rows: Any) -> None:
        try:
            real(self, rows)
        except FenceError as error:
            recorder.raised.add(type(error).__name__)
            raise

    return check


def _rows(recorder: Recorder, real: Any) -> Any:
    async def rows(self: Any, statement: Any, params: Any = None) -> Any:
        recorder.at()
        found = await real(self, statement, params)
        recorder.learn(found)
        return found

    return rows


def _one(recorder: Recorder, real: Any) -> Any:
    async def one(self: Any, statement: Any, params: Any = None) -> Any:
        recorder.at()
        found = await real(self, statement, params)
        if found is not None and not isinstance(found, int):
            recorder.learn([found])
        return found

    return one
