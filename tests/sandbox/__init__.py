"""The sandbox from outside: its control API over HTTP."""
