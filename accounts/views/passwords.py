from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from shop.middleware import client_address

from .. import operations
from ..forms import NewPasswordForm, PasswordChangeForm, PasswordResetForm
from .pages import page, person


@never_cache
@login_required
@sensitive_post_parameters()
def password_change(request: HttpRequest) -> HttpResponse:
    form = PasswordChangeForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            user = operations.change_password(person(request), **form.cleaned_data)
            auth.update_session_auth_hash(request, user)
            messages.success(request, "Your password is changed. You are signed out everywhere else.")
            return redirect("accounts:profile")
    return page(request, "accounts/password_change.html", form)


@never_cache
def password_reset(request: HttpRequest) -> HttpResponse:
    form = PasswordResetForm(request.POST or None)
    if form.is_valid():
        email, address = form.cleaned_data["email"], client_address(request)
        with form.showing_refusals():
            operations.start_password_reset(email, request_address=address, now=timezone.now())
            return redirect("accounts:password_reset_sent")
    return page(request, "accounts/password_reset.html", form)


@require_safe
def password_reset_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_reset_sent.html")


@never_cache
@sensitive_post_parameters("password")
def password_reset_confirm(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            operations.finish_password_reset(uidb64, token, form.cleaned_data["password"], now=timezone.now())
            messages.success(request, "Your password is changed. Sign in with the new one.")
            return redirect("accounts:login")
    validlink = operations.is_reset_link_alive(uidb64, token)
    return page(request, "accounts/password_reset_confirm.html", form, validlink=validlink)
