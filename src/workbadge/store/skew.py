"""The database's own clock: read to compare a node's with it, never to decide or to write (decision record 23)."""

READ_CLOCK = "SELECT clock_timestamp()"
READ_BACKEND = "SELECT pg_backend_pid()"
