from typing import Any

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from shop.middleware import client_address

from . import operations
from .forms import (
    AddressForm,
    LoginForm,
    NewPasswordForm,
    OperationForm,
    PasswordChangeForm,
    PasswordResetForm,
    ProfileForm,
    RegisterForm,
)
from .models import Address, User


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


@never_cache
@login_required
@sensitive_post_parameters("current_password")
def profile(request: HttpRequest) -> HttpResponse:
    user = person(request)
    initial = {name: getattr(user, name) for name in ("first_name", "last_name", "phone", "email")}
    form = ProfileForm(request.POST or None, initial=initial)
    if form.is_valid():
        with form.showing_refusals():
            operations.update_profile(user, asked_by=user, **form.body.changes())
            messages.success(request, "Your details are saved.")
            return redirect("accounts:profile")
    return page(request, "accounts/profile.html", form, addresses=user.addresses.all())


@never_cache
@login_required
@require_safe
def addresses(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/addresses.html", {"addresses": person(request).addresses.all()})


@never_cache
@login_required
def address_new(request: HttpRequest) -> HttpResponse:
    user = person(request)
    initial = {"full_name": user.get_full_name(), "phone": user.phone, "country": settings.SHOP_COUNTRY}
    form = AddressForm(request.POST or None, initial=initial)
    if form.is_valid():
        with form.showing_refusals():
            operations.save_address(user, form.body)
            messages.success(request, "The address is saved.")
            return redirect("accounts:addresses")
    return page(request, "accounts/address_form.html", form, address=None)


@never_cache
@login_required
def address_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    address = address_of(request, public_id)
    form = AddressForm(request.POST or None, initial={name: getattr(address, name) for name in AddressForm.base_fields})
    if form.is_valid():
        operations.save_address(person(request), form.body, address)
        messages.success(request, "The address is saved.")
        return redirect("accounts:addresses")
    return page(request, "accounts/address_form.html", form, address=address)


@require_POST
@login_required
def address_delete(request: HttpRequest, public_id: str) -> HttpResponse:
    operations.delete_address(address_of(request, public_id))
    messages.success(request, "The address is deleted.")
    return redirect("accounts:addresses")


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
            operations.finish_password_reset(uidb64, token, form.cleaned_data["password"])
            messages.success(request, "Your password is changed. Sign in with the new one.")
            return redirect("accounts:login")
    validlink = operations.is_reset_link_alive(uidb64, token)
    return page(request, "accounts/password_reset_confirm.html", form, validlink=validlink)


def page(request: HttpRequest, template: str, form: OperationForm, **context: Any) -> HttpResponse:
    """The form's page, with the status of what refused it: a throttled sign-in is a 429 for people too."""
    response = render(request, template, {"form": form, **context})
    if form.refusal:
        response.status_code = form.refusal.status
        for name, value in form.refusal.headers.items():
            response[name] = value
    return response


def next_page(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if ours else reverse("accounts:profile")


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def address_of(request: HttpRequest, public_id: str) -> Address:
    try:
        return Address.objects.visible_to(request.user).get(public_id=public_id)
    except Address.DoesNotExist as error:
        raise Http404 from error
