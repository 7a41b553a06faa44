from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from shop.middleware import client_address

from .. import operations
from ..forms import LoginForm, RegisterForm
from .pages import page


@never_cache
@sensitive_post_parameters("password")
def login(request: HttpRequest) -> HttpResponse:
    target = next_page(request)
    if request.user.is_authenticated:
        return redirect(target)
    form = LoginForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            auth.login(request, operations.authenticate(request, **form.cleaned_data))
            return redirect(target)
    return page(request, "accounts/login.html", form, next=target)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@never_cache
@sensitive_post_parameters("password")
def register(request: HttpRequest) -> HttpResponse:
    target = next_page(request)
    if request.user.is_authenticated:
        return redirect(target)
    form = RegisterForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            user = operations.register(**form.body.model_dump(), request_address=client_address(request))
            auth.login(request, user)
            return redirect(target)
    return page(request, "accounts/register.html", form, next=target)


def next_page(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if ours else reverse("accounts:profile")
