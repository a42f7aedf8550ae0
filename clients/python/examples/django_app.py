"""Django in one file: `django-admin runserver --settings django_app --pythonpath .`."""

from django.http import JsonResponse
from django.urls import path

from latchkey_client.django import signed_in
from verifier import make_verifier

SECRET_KEY = "for sessions of Django, which this example does not have"  # noqa: S105
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_app"
MIDDLEWARE = ["latchkey_client.django.middleware"]
LATCHKEY_VERIFIER = make_verifier


@signed_in
def me(request):
    """Return the account of the caller."""
    return JsonResponse({"account_id": request.caller.account_id})


@signed_in
async def me_async(request):
    """Return the account of the caller."""
    return JsonResponse({"account_id": request.caller.account_id})


urlpatterns = [path("me", me), path("me-async", me_async)]
