"""Addresses of the Django site (read once its settings stand)."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path


def whoami(request: HttpRequest) -> JsonResponse:
    """Who is signed in on this site, and through what."""
    user = request.user
    if not user.is_authenticated:
        return JsonResponse({"user": None})
    social = [one.provider for one in user.social_auth.all()]
    connected = [one.provider for one in user.socialaccount_set.all()]
    return JsonResponse({"user": user.email, "social_auth": social, "allauth": connected})


def failed(request: HttpRequest) -> JsonResponse:
    """Where social-auth leads after a failure."""
    return JsonResponse({"failed": True})


def start(request: HttpRequest) -> HttpResponse:
    """A page with social-auth's button: it starts by POST only."""
    return HttpResponse('<form method="post" action="/social/login/facebook/"><button>Log in</button></form>')


urlpatterns = [
    path("start/", start),
    path("whoami/", whoami),
    path("failed/", failed),
    path("accounts/", include("allauth.urls")),
    path("social/", include("social_django.urls", namespace="social")),
]
