"""The history's words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import workbadge
from workbadge.console.history import ACTS


def _acts_of_businesses() -> Iterator[str]:
    """Acts that the source writes into a business's audit, where they are spelled out."""
    for path in Path(workbadge.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "Audit" or len(node.args) < 3:
                continue
            act, business = node.args[0], node.args[2]
            if isinstance(act, ast.Constant) and not (isinstance(business, ast.Constant) and business.value is None):
                yield str(act.value)


def test_every_act_in_a_business_has_words() -> None:
    """I11: whatever is written into a business's audit can be read by its admins in words, not as it is spelled."""
    written = set(_acts_of_businesses())
    assert len(written) > 15
    assert written - set(ACTS) == set()
    assert len(set(ACTS.values())) == len(ACTS)
