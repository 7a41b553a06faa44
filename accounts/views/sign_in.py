from django.conf import settings
from django.contrib import admin, auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from shop.middleware import client_address

from .. import operations, passkeys, proofs
from ..errors import MfaRequired
from ..forms import LoginForm, RegisterForm
from .pages import page


@never_cache
@sensitive_post_parameters("password")
def login(request: HttpRequest) -> HttpResponse:
    target = next_page(request)
    if request.user.is_authenticated and request.method != "POST":
        return redirect(target)
    form = LoginForm(request.POST or None)
    if form.is_valid():
        now = timezone.now()
        with form.showing_refusals():
            try:
                user = operations.authenticate(request, **form.cleaned_data, now=now)
            except MfaRequired as error:
                proofs.begin_second_step(request, error.user, target=target, now=now)
                return redirect("accounts:second_step")
            proofs.sign_in(request, user, by_password_at=now)
            return redirect(target)
    return page(request, "accounts/login.html", form, next=target, with_passkeys=passkeys.are_possible())


@never_cache
@require_safe
def staff_login(request: HttpRequest) -> HttpResponse:
    """Where the admin sends whoever may not enter: the one sign-in page, to somebody who is signed in as well.

    It posts to `login`, so that staff have the same second step and the same rate limiter as everybody.
    """
    target = next_page(request, default=reverse("admin:index"))
    if admin.site.has_permission(request):
        return redirect(target)
    context = {"form": LoginForm(), "next": target, "for_staff": True, "with_passkeys": passkeys.are_possible()}
    return render(request, "accounts/login.html", context)


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
            address, now = client_address(request), timezone.now()
            user = operations.register(**form.body.model_dump(), request_address=address, now=now)
            if operations.is_verification_mandatory():
                return redirect("accounts:verification_sent")
            proofs.sign_in(request, user, by_password_at=now)
            return redirect(target)
    return page(request, "accounts/register.html", form, next=target)


def next_page(request: HttpRequest, *, default: str = "") -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if ours else default or reverse("accounts:profile")
