"""How a command says no. Problems are a closed list; each room maps them to its own dialect."""

from datetime import datetime
from enum import StrEnum

from workbadge.lifecycle.changes import Refusal


class Problem(StrEnum):
    """What kind of no it is."""

    NOT_FOUND = "not_found"  # does not exist, or the caller may not know that it does
    FORBIDDEN = "forbidden"  # exists, is known to the caller, and a right is missing
    INVALID = "invalid"  # the input is not of the expected form
    CONFLICT = "conflict"  # the state does not allow it
    TOO_MANY = "too_many"  # too many tries; free again at ``at``
    UNAUTHENTICATED = "unauthenticated"  # wrong or missing proof of who is asking


class CommandError(Exception):
    """A command refused. Nothing was changed, unless ``refusal`` is one whose plan says otherwise.

    ``expected`` says what would have been right; ``field`` names the input at fault; ``at`` an instant that matters.
    """

    def __init__(
        self,
        problem: Problem,
        message: str,
        expected: str = "",
        field: str = "",
        refusal: Refusal | None = None,
        at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.expected = expected
        self.field = field
        self.refusal = refusal
        self.at = at


def invalid(field: str, message: str, expected: str = "") -> CommandError:
    """The input ``field`` is not of the expected form."""
    return CommandError(Problem.INVALID, message, expected, field)


def not_found(what: str) -> CommandError:
    """``what`` (a noun) does not exist or may not be known."""
    return CommandError(Problem.NOT_FOUND, f"No such {what}.", f"the id of a {what} that you can see")


def forbidden(message: str, expected: str = "") -> CommandError:
    """A right is missing."""
    return CommandError(Problem.FORBIDDEN, message, expected)


def conflict(
    message: str,
    expected: str = "",
    refusal: Refusal | None = None,
    at: datetime | None = None,
) -> CommandError:
    """The state does not allow it."""
    return CommandError(Problem.CONFLICT, message, expected, refusal=refusal, at=at)
