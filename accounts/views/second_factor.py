"""The second step of a sign-in, and setting up what it asks for."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from shop import rate_limits
from shop.middleware import client_address

from .. import operations, passkeys, proofs, totp
from ..errors import EmailNotVerified, PasskeyRefused
from ..forms import (
    ConfirmForm,
    EnrolAppForm,
    NewPasskeyForm,
    OperationForm,
    PasskeyForm,
    PasskeyNameForm,
    SecondStepForm,
)
from ..models import SecondFactor, User
from .pages import page, person
from .sign_in import next_page

View = Callable[..., HttpResponseBase]
NEW_SECRET, NEW_CODES = "new_app_secret", "new_recovery_codes"


@never_cache
@sensitive_post_parameters("otp")
def second_step(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    half = proofs.half_signed_in(request, now)
    if half is None:
        messages.info(request, "That took a while. Please sign in again.")
        return redirect("accounts:login")
    user, target = half
    form = SecondStepForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            check_second_factor(request, user, form)
            proofs.sign_in(request, user, by_password_at=now, with_second_factor=True)
            return redirect(target)
    return page(request, "accounts/second_step.html", form, question=question_for(request, user))


@never_cache
@require_POST
def passkey_question(request: HttpRequest) -> HttpResponse:
    """What the browser needs to sign somebody in by a passkey alone. Asked by script when the button is pressed."""
    rate_limits.check("sign_in_address", client_address(request))
    question, state = passkeys.ask_to_use()
    proofs.keep_question(request, state)
    return HttpResponse(question, content_type="application/json")


@never_cache
@require_POST
def passkey_login(request: HttpRequest) -> HttpResponse:
    form = PasskeyForm(request.POST)
    now = timezone.now()
    try:
        user = operations.use_passkey(form.answer(), proofs.take_question(request), now=now)
    except (PasskeyRefused, EmailNotVerified) as error:
        messages.error(request, error.text)
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': next_page(request)})}")
    proofs.sign_in(request, user, with_second_factor=True)
    return redirect(next_page(request))


@never_cache
@login_required
@sensitive_post_parameters()
def confirm(request: HttpRequest) -> HttpResponse:
    """Password and second factor once more, before what a borrowed browser must not do."""
    user = person(request)
    target = next_page(request, default=reverse("accounts:security"))
    has_factor = user.has_second_factor()
    form = ConfirmForm(request.POST or None, with_factor=has_factor)
    if form.is_valid():
        with form.showing_refusals():
            operations.check_current_password(user, form.cleaned_data["current_password"])
            if has_factor:
                check_second_factor(request, user, form)
                proofs.note_second_factor(request)
            proofs.confirm(request, now=timezone.now())
            return redirect(target)
    question = question_for(request, user) if has_factor else ""
    return page(request, "accounts/confirm.html", form, next=target, question=question)


def confirmed(view: View) -> View:
    """Leads over `confirm` whoever has not been there within ten minutes."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if proofs.is_confirmed(request, timezone.now()):
            return view(request, *args, **kwargs)
        return redirect(f"{reverse('accounts:confirm')}?{urlencode({'next': request.path})}")

    return login_required(guarded)


@never_cache
@confirmed
@sensitive_post_parameters("code")
def app_new(request: HttpRequest) -> HttpResponse:
    user = person(request)
    secret = request.session.setdefault(NEW_SECRET, totp.new_secret())
    form = EnrolAppForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            codes = operations.enrol_app(user, secret, form.cleaned_data["code"], now=timezone.now())
            del request.session[NEW_SECRET]
            return enrolled(request, codes, "Your authenticator app is set up.")
    picture = totp.picture(totp.address(secret, user.email))
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    return page(request, "accounts/app_new.html", form, picture=picture, secret=" ".join(groups))


@never_cache
@confirmed
def passkey_new(request: HttpRequest) -> HttpResponse:
    user = person(request)
    if not passkeys.are_possible():
        raise Http404
    form = NewPasskeyForm(request.POST or None)
    if form.is_valid():
        state = proofs.take_question(request)
        with form.showing_refusals():
            name, answer = form.cleaned_data["name"], form.cleaned_data["credential"]
            codes = operations.enrol_passkey(user, answer, state, name=name, now=timezone.now())
            return enrolled(request, codes, "The passkey is added.")
    question, state = passkeys.ask_to_make(user, credentials_of(user))
    proofs.keep_question(request, state)
    return page(request, "accounts/passkey_new.html", form, question=question)


def enrolled(request: HttpRequest, codes: list[str], text: str) -> HttpResponse:
    proofs.note_second_factor(request)
    messages.success(request, text)
    if not codes:
        return redirect("accounts:security")
    request.session[NEW_CODES] = codes
    return redirect("accounts:recovery_codes")


@never_cache
@login_required
def passkey_rename(request: HttpRequest, public_id: str) -> HttpResponse:
    factor = factor_of(request, public_id)
    if factor.kind != SecondFactor.Kind.PASSKEY:
        raise Http404
    form = PasskeyNameForm(request.POST or None, initial={"name": factor.name})
    if form.is_valid():
        operations.rename_passkey(factor, form.cleaned_data["name"])
        messages.success(request, "The passkey has its new name.")
        return redirect("accounts:security")
    return page(request, "accounts/passkey_rename.html", form, factor=factor)


@never_cache
@confirmed
def factor_remove(request: HttpRequest, public_id: str) -> HttpResponse:
    user, factor = person(request), factor_of(request, public_id)
    if request.method == "POST":
        operations.remove_second_factor(factor, now=timezone.now())
        messages.success(request, f"{factor.name} is removed.")
        return redirect("accounts:security")
    is_last = user.second_factors.count() == 1
    context = {"factor": factor, "is_last": is_last, "locks_out": operations.must_have_second_factor(user)}
    return render(request, "accounts/factor_remove.html", context)


@never_cache
@confirmed
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New codes are shown this once: only their hashes are kept."""
    user = person(request)
    if not user.has_second_factor():
        raise Http404
    if request.method == "POST":
        request.session[NEW_CODES] = operations.renew_recovery_codes(user, now=timezone.now())
        return redirect("accounts:recovery_codes")
    context = {"codes": request.session.pop(NEW_CODES, []), "left": unused_codes(user)}
    return render(request, "accounts/recovery_codes.html", context)


def security_context(user: User) -> dict[str, Any]:
    """What `accounts/_second_factor.html` shows."""
    factors = list(user.second_factors.all())
    return {
        "factors": factors,
        "has_app": any(factor.kind == SecondFactor.Kind.APP for factor in factors),
        "with_passkeys": passkeys.are_possible(),
        "codes_left": unused_codes(user),
        "must_have_factor": operations.must_have_second_factor(user),
    }


def unused_codes(user: User) -> int:
    return user.recovery_codes.filter(used_at=None).count()


def check_second_factor(request: HttpRequest, user: User, form: OperationForm) -> None:
    """By the passkey's answer or by the code, whichever was sent. Raises what either raises."""
    now = timezone.now()
    if answer := form.cleaned_data["credential"]:
        operations.use_passkey(answer, proofs.take_question(request), now=now, user=user)
    else:
        operations.use_code(user, form.cleaned_data["otp"], now=now)


def question_for(request: HttpRequest, user: User) -> str:
    """What the browser needs to ask for one of the person's passkeys; empty if there is none."""
    known = credentials_of(user) if passkeys.are_possible() else []
    if not known:
        return ""
    question, state = passkeys.ask_to_use(known)
    proofs.keep_question(request, state)
    return question


def credentials_of(user: User) -> list[bytes]:
    return [bytes(each.credential) for each in user.second_factors.passkeys() if each.credential]


def factor_of(request: HttpRequest, public_id: str) -> SecondFactor:
    try:
        return SecondFactor.objects.visible_to(request.user).get(public_id=public_id)
    except SecondFactor.DoesNotExist as error:
        raise Http404 from error
