"""``python -m tests.web.gallery``: the gallery on port 8099, for looking at it."""

import uvicorn

from .app import application

uvicorn.run(application, port=8099, log_level="warning")
