"""Pure plans: what a command changes, audits and makes due. No database, no clock, no randomness.

``plan_*(state, command, now) -> Plan``. The shell (``commands``) loads the state, applies the changes even where
the outcome is a refusal, writes audit and due rows, all in one transaction (``house.md`` §2). Imports: ``terms``.
"""
