"""A small Django site with django-allauth and social-auth, both as released: ``python -m tests.clients.django_site PORT``.

Everything it knows of the server comes from the environment: GRAPH, APP_ID, APP_SECRET.
"""

import os
import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

GRAPH = os.environ["GRAPH"]
VERSION = "v26.0"


def configure() -> None:
    """Settings of both clients as ``wire.md`` §7.3 and §7.4 give them."""
    settings.configure(
        SECRET_KEY="for the tests only",
        DEBUG=True,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.clients.django_urls",
        SITE_ID=1,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_DB"]}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.sites",
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
            "allauth.socialaccount.providers.facebook",
            "social_django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ]
                },
            }
        ],
        AUTHENTICATION_BACKENDS=[
            "social_core.backends.facebook.FacebookOAuth2",
            "django.contrib.auth.backends.ModelBackend",
            "allauth.account.auth_backends.AuthenticationBackend",
        ],
        LOGIN_REDIRECT_URL="/whoami/",
        LOGIN_ERROR_URL="/failed/",
        SOCIALACCOUNT_LOGIN_ON_GET=True,
        SOCIALACCOUNT_EMAIL_VERIFICATION="none",
        SOCIALACCOUNT_PROVIDERS={
            "facebook": {
                "APPS": [{"client_id": os.environ["APP_ID"], "secret": os.environ["APP_SECRET"], "key": ""}],
                "VERSION": VERSION,
                "GRAPH_API_URL": f"{GRAPH}/{VERSION}",
                "AUTHORIZE_URL": f"{GRAPH}/{VERSION}/dialog/oauth",
                "SCOPE": ["email", "public_profile"],
                "EXCHANGE_TOKEN": True,
            }
        },
        SOCIAL_AUTH_FACEBOOK_KEY=os.environ["APP_ID"],
        SOCIAL_AUTH_FACEBOOK_SECRET=os.environ["APP_SECRET"],
        SOCIAL_AUTH_FACEBOOK_SCOPE=["email"],
        SOCIAL_AUTH_FACEBOOK_PROFILE_EXTRA_PARAMS={"fields": "id,name,email"},
        SOCIAL_AUTH_FACEBOOK_AUTHORIZATION_URL=GRAPH + "/v{version}/dialog/oauth",
        SOCIAL_AUTH_FACEBOOK_ACCESS_TOKEN_URL=GRAPH + "/v{version}/oauth/access_token",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )


def main() -> None:
    """Serve until ended."""
    configure()
    django.setup()
    from social_core.backends.facebook import FacebookOAuth2  # its classes need configured settings

    FacebookOAuth2.USER_DATA_URL = GRAPH + "/v{version}/me"
    FacebookOAuth2.REVOKE_TOKEN_URL = GRAPH + "/v{version}/{uid}/permissions"
    call_command("migrate", verbosity=0)
    get_user_model()
    with make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application()) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
