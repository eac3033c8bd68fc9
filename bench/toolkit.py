"""The peer: django-oauth-toolkit doing introspection, on SQLite. ``python -m bench.toolkit PORT FOLDER``."""

import sys
from pathlib import Path

import django
from django.conf import settings


def configure(folder: Path) -> None:
    """A Django site that is nothing but the toolkit."""
    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="bench.toolkit",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "toolkit.db"),
                "CONN_MAX_AGE": None,
            }
        },
        OAUTH2_PROVIDER={"SCOPES": {"introspection": "", "read": ""}},
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
    )
    django.setup()


def main() -> None:
    """Make the tables and the client, then serve with one gunicorn worker that keeps connections."""
    port, folder = sys.argv[1], Path(sys.argv[2])
    configure(folder)
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from gunicorn.app.base import BaseApplication
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    get_application_model().objects.create(
        client_id="bench",
        client_secret="bench-secret",
        client_type="confidential",
        authorization_grant_type="client-credentials",
        hash_client_secret=False,
    )

    class Server(BaseApplication):
        def load_config(self) -> None:
            for key, value in {"bind": f"127.0.0.1:{port}", "threads": 4, "keepalive": 30, "loglevel": "error"}.items():
                self.cfg.set(key, value)

        def load(self) -> object:
            return get_wsgi_application()

    Server().run()


if __name__ == "__main__":
    main()
elif settings.configured:
    from django.urls import include, path

    urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
