"""Authenticator apps, passkeys and recovery codes: setting them up, and asking for them."""

import hashlib
import secrets
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from shop import rate_limits
from shop.outbox import publish

from .. import passkeys, totp
from ..errors import AlreadyEnrolled, MfaEnrolmentRequired, MfaRequired, PasskeyRefused, TooManyPasskeys, WrongCode
from ..models import RecoveryCode, SecondFactor, User
from ..sealing import seal, unseal
from .rules import check_current_password, lock
from .verification import check_email_verified

CODES = 10
MAX_PASSKEYS = 20
# Without the letters and digits that are taken for one another. 16 of 31 carry 79 bits: no table of hashes holds them.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
CODE_LENGTH = 16


def must_have_second_factor(user: User) -> bool:
    return bool(settings.SHOP_STAFF_MFA and (user.is_staff or user.is_superuser))


def demand_second_factor(user: User, code: str, *, now: datetime) -> None:
    """Lets pass who has none, and who shows a good code.

    Raises MfaRequired without a code, WrongCode, RateLimited. Locks: nothing.
    """
    if not user.has_second_factor():
        return
    if not code.strip():
        raise MfaRequired(user)
    use_code(user, code, now=now)


def prove_identity(user: User, *, current_password: str, otp: str, now: datetime) -> None:
    """Password and second factor once more, before what a borrowed session or token must not do.

    Raises InvalidInput (`currentPassword`), MfaRequired, WrongCode, RateLimited. Locks: nothing.
    """
    check_current_password(user, current_password)
    demand_second_factor(user, otp, now=now)


def check_staff_has_second_factor(user: User) -> None:
    """Before a token is made: no later request could show what it was made without. Raises MfaEnrolmentRequired."""
    if user.lacks_second_factor or (must_have_second_factor(user) and not user.has_second_factor()):
        raise MfaEnrolmentRequired


def use_code(user: User, code: str, *, now: datetime) -> None:
    """Spends a code of the authenticator app, or a recovery code: neither works twice.

    Raises WrongCode, RateLimited. Locks: nothing; a conditional update decides between two tries at once.
    """
    rate_limits.check("second_factor", user.public_id)
    code = "".join(code.split()).replace("-", "").lower()
    if not (_spend_app_code(user, code, now) or _spend_recovery_code(user, code, now)):
        raise WrongCode


def _spend_app_code(user: User, code: str, now: datetime) -> bool:
    app = user.second_factors.apps().first()
    step = totp.matching_step(unseal(app.sealed_secret), code, now) if app else None
    if app is None or step is None:
        return False
    unspent = Q(last_step=None) | Q(last_step__lt=step)
    return bool(SecondFactor.objects.filter(unspent, pk=app.pk).update(last_step=step, last_used_at=now))


@transaction.atomic
def _spend_recovery_code(user: User, code: str, now: datetime) -> bool:
    spent = user.recovery_codes.filter(digest=_digest(code), used_at=None).update(used_at=now)
    if spent:
        _tell(user, "recovery_code_used", now)
    return bool(spent)


def use_passkey(answer: str, state: passkeys.State, *, now: datetime, user: User | None = None) -> User:
    """The person whose passkey signed the challenge; with `user` it must be theirs. Raises PasskeyRefused,
    EmailNotVerified.

    Locks: nothing; a conditional update refuses a copy whose count lags behind.
    """
    try:
        passkey = SecondFactor.objects.passkeys().filter(credential_id=passkeys.credential_id_of(answer)).first()
        if passkey is None or passkey.credential is None:
            raise PasskeyRefused
        # A question of the second step lets devices answer that did not ask who holds them.
        if user is None and not passkeys.asks_for_owner(state):
            raise PasskeyRefused
        count = passkeys.check_use(state, bytes(passkey.credential), answer)
    except passkeys.Refused as error:
        raise PasskeyRefused from error
    fresh = Q(use_count=0) if count == 0 else Q(use_count__lt=count)
    used = SecondFactor.objects.filter(fresh, pk=passkey.pk).update(use_count=count, last_used_at=now)
    owner = passkey.user
    if not used or not owner.is_active or (user is not None and owner.pk != user.pk):
        raise PasskeyRefused
    if user is None:
        check_email_verified(owner)
    return owner


@transaction.atomic
def enrol_app(user: User, secret: str, code: str, *, now: datetime) -> list[str]:
    """Sets up an authenticator app whose code proves that it works; answers the recovery codes if they are new.

    Raises WrongCode, AlreadyEnrolled, RateLimited. Locks: the user.
    """
    rate_limits.check("second_factor", user.public_id)
    step = totp.matching_step(secret, "".join(code.split()), now)
    if step is None:
        raise WrongCode
    user = lock(user)
    if user.second_factors.apps().exists():
        raise AlreadyEnrolled
    SecondFactor.objects.create(
        user=user, kind=SecondFactor.Kind.APP, name="Authenticator app", sealed_secret=seal(secret), last_step=step
    )
    return _enrolled(user, "app_added", now)


@transaction.atomic
def enrol_passkey(user: User, answer: str, state: passkeys.State, *, name: str, now: datetime) -> list[str]:
    """Adds a passkey; answers the recovery codes if they are new.

    Raises PasskeyRefused, TooManyPasskeys. Locks: the user.
    """
    try:
        data = passkeys.made(state, answer)
    except passkeys.Refused as error:
        raise PasskeyRefused from error
    credential = data.credential_data
    if credential is None:
        raise PasskeyRefused
    user = lock(user)
    if user.second_factors.passkeys().count() >= MAX_PASSKEYS:
        raise TooManyPasskeys
    passkey = SecondFactor(
        user=user, kind=SecondFactor.Kind.PASSKEY, name=name, credential_id=credential.credential_id,
        credential=bytes(credential), use_count=data.counter,
    )  # fmt: skip
    try:
        with transaction.atomic():
            passkey.save()
    except IntegrityError as error:
        raise PasskeyRefused from error
    return _enrolled(user, "passkey_added", now)


def rename_passkey(passkey: SecondFactor, name: str) -> None:
    """Gives it another name. Locks: nothing."""
    SecondFactor.objects.filter(pk=passkey.pk).update(name=name)


@transaction.atomic
def remove_second_factor(factor: SecondFactor, *, now: datetime) -> None:
    """Takes it away; with the last one go the recovery codes. Locks: the user."""
    user = lock(factor.user)
    if not user.second_factors.filter(pk=factor.pk).delete()[0]:
        return
    if not user.second_factors.exists():
        user.recovery_codes.all().delete()
    _tell(user, f"{factor.kind}_removed", now)


@transaction.atomic
def renew_recovery_codes(user: User, *, now: datetime) -> list[str]:
    """Ten new codes; the old ones end. They are told this once. Locks: the user."""
    codes = _new_codes(lock(user))
    _tell(user, "codes_renewed", now)
    return codes


@transaction.atomic
def reset_second_factor(user: User, *, now: datetime, why: str = "reset") -> int:
    """Takes away all of a person's second factors and recovery codes; how many factors there were.

    `why` picks what the mail about it says. Locks: the user.
    """
    user = lock(user)
    count = user.second_factors.all().delete()[0]
    user.recovery_codes.all().delete()
    if count:
        _tell(user, why, now)
    return count


def _enrolled(user: User, what: str, now: datetime) -> list[str]:
    _tell(user, what, now)
    return [] if user.recovery_codes.exists() else _new_codes(user)


def _new_codes(user: User) -> list[str]:
    user.recovery_codes.all().delete()
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return ["-".join(code[at : at + 4] for at in range(0, CODE_LENGTH, 4)) for code in codes]


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def _tell(user: User, what: str, now: datetime) -> None:
    payload = {"user_id": user.public_id, "what": what, "at": now.isoformat()}
    publish(
        "user.second_factor_changed", key=f"user.second_factor_changed:{':'.join(payload.values())}", payload=payload
    )
