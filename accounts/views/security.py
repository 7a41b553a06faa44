from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from .. import operations
from ..queries import find_session
from .pages import person
from .second_factor import security_context

SHOWN = 50


@never_cache
@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    user, now = person(request), timezone.now()
    context = security_context(user) | {
        "sessions": user.browser_sessions.alive(now)[:SHOWN],
        "current": request.session.session_key,
        "token_count": user.api_tokens.usable(now).count(),
    }
    return render(request, "accounts/security.html", context)


@require_POST
@login_required
def session_end(request: HttpRequest, public_id: str) -> HttpResponse:
    operations.end_session(find_session(person(request), public_id))
    messages.success(request, "That browser is signed out.")
    return redirect("accounts:security")


@require_POST
@login_required
def sessions_end(request: HttpRequest) -> HttpResponse:
    ended = operations.end_sessions(person(request), keep=request.session.session_key or "")
    plural = "browser is" if ended == 1 else "browsers are"
    messages.success(request, f"{ended} other {plural} signed out.")
    return redirect("accounts:security")
