"""The yardstick: the same server answering a constant through bare Starlette."""

import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from workbadge.serving import bind, run, serve


async def constant(request: Request) -> JSONResponse:
    return JSONResponse({"user_access_expire_time": "2026-12-24T09:30:56+00:00", "id": "200908550990679211"})


if __name__ == "__main__":
    listening = bind("127.0.0.1", int(sys.argv[1]))
    run(serve([(Starlette(routes=[Route("/{id}", constant)]), listening)], lambda: print("ready", flush=True)))
