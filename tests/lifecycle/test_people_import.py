"""What becomes of each row of a file of people (A1, O8)."""

from workbadge.lifecycle.people_import import Known, Line, Outcome, plan_import

DOMAINS = frozenset({"example.com"})
KNOWN = {
    "same@example.com": Known(1, "Sam E", False, True),
    "other@example.com": Known(2, "Old Name", False, True),
    "gone@example.com": Known(3, "Gone", True, True),
    "theirs@example.com": Known(4, "Theirs", False, False),
}


def test_every_row_has_an_outcome() -> None:
    """O8: new, renamed, unchanged, suspended and left so, or refused with what is wrong; in the order of the file."""
    rows = (
        ("New Person", "new@example.com", Outcome.CREATE, ""),
        ("Sam E", "SAME@example.com", Outcome.SAME, ""),
        ("New Name", " other@EXAMPLE.com", Outcome.RENAME, ""),
        ("Gone", "gone@example.com", Outcome.SUSPENDED, ""),
        ("Theirs", "theirs@example.com", Outcome.REFUSED, "cannot be used"),
        ("Twice", "New@example.com", Outcome.REFUSED, "Row 2 has the same address"),
        ("Far", "far@sub.example.com", Outcome.REFUSED, "sub.example.com is not a verified domain"),
        ("Bad", "a@b@example.com", Outcome.REFUSED, "not one e-mail address"),
        ("", "noname@example.com", Outcome.REFUSED, "1 to 200 characters"),
        ("x" * 201, "long@example.com", Outcome.REFUSED, "1 to 200 characters"),
        ("a\x00b", "nul@example.com", Outcome.REFUSED, "1 to 200 characters"),
    )
    lines = [Line(number, name, email) for number, (name, email, _, _) in enumerate(rows, 2)]
    verdicts = plan_import(lines, KNOWN, DOMAINS)
    assert [one.line.number for one in verdicts] == list(range(2, 2 + len(rows)))
    for verdict, (_, _, outcome, why) in zip(verdicts, rows, strict=True):
        assert verdict.outcome is outcome, verdict
        assert why in verdict.why and bool(why) == bool(verdict.why)
    assert [one.account_id for one in verdicts[:4]] == [None, 1, 2, 3]
    assert verdicts[2].address == "other@example.com"
