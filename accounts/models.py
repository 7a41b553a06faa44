import hashlib
import secrets
import unicodedata
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Lower
from django.utils import timezone

from shop.ids import PublicIdField, new_id

from . import devices
from .scopes import EVERYTHING


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=User.normalize_username(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Whoever may call this needs no link in a mail to be believed."""
        fields.setdefault("email_verified_at", timezone.now())
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        # Not `iexact`: that compares UPPER(email), which no index has, and every sign-in would read the whole table.
        return self.alias(folded=Lower("email")).get(folded=User.normalize_username(username or ""))


def email_nonce() -> str:
    return new_id("mail")


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account, known by e-mail. Upper and lower case name the same person."""

    public_id = PublicIdField("user")
    email = models.EmailField(max_length=254, unique=True)
    email_verified_at = models.DateTimeField("email verified", null=True, blank=True, editable=False)
    # Part of every link that verifies the address. A new one kills the links that were sent before.
    email_nonce = models.CharField(max_length=40, default=email_nonce, db_default="", editable=False)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    is_staff = models.BooleanField("staff", default=False, help_text="May sign in to the admin.")
    is_active = models.BooleanField("active", default=True, help_text="Clear this instead of deleting the account.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Set for one request by `StaffSecondFactorMiddleware`. Every staff function asks `has_perm`, so none can forget it.
    lacks_second_factor = False

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="one_account_per_email")]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """The one spelling of an e-mail address; `clean()`, `createsuperuser` and the operations all store this one."""
        return unicodedata.normalize("NFKC", username).strip().lower()

    @property
    def is_email_verified(self) -> bool:
        return self.email_verified_at is not None

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return not self.lacks_second_factor and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return not self.lacks_second_factor and super().has_module_perms(app_label)

    def has_second_factor(self) -> bool:
        return self.second_factors.exists()


class AddressQuerySet(models.QuerySet["Address"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()


class Address(models.Model):
    """An entry of a person's address book. Orders keep their own copy."""

    public_id = PublicIdField("addr")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    full_name = models.CharField(max_length=200)
    line1 = models.CharField("address", max_length=200)
    line2 = models.CharField("address, second line", max_length=200, blank=True)
    city = models.CharField(max_length=120)
    region = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AddressQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "addresses"

    def __str__(self) -> str:
        return f"{self.full_name}, {self.line1}, {self.city}"


RANDOM_TOKEN_ID = "'token_' || replace(gen_random_uuid()::text, '-', '')"


def everything() -> list[str]:
    return [EVERYTHING]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> Self:
        return self.filter(expires_at__gt=now, user__is_active=True)

    def visible_to(self, user: Any) -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()


class ApiToken(models.Model):
    """A bearer token of a person. Only its hash is kept: a leaked table signs nobody in."""

    PREFIX = "tok_"
    SIGN_IN = "sign-in"  # the name of those that `POST /users/login` answers

    # The database's own value serves the release before this one, which knows no such column.
    public_id = PublicIdField("token", db_default=Func(template=RANDOM_TOKEN_ID))
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(
        max_length=16, default="", db_default="", editable=False, help_text="How the secret begins."
    )
    scopes = ArrayField(models.CharField(max_length=40), default=everything, db_default=[EVERYTHING])
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="api_token_expiry")]
        constraints = [models.CheckConstraint(condition=~Q(scopes=[]), name="api_token_for_something")]

    def __str__(self) -> str:
        return self.name or f"token of {self.user}"

    @classmethod
    def new_secret(cls) -> str:
        return cls.PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()


class BrowserSessionQuerySet(models.QuerySet["BrowserSession"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()

    def alive(self, now: datetime) -> Self:
        return self.filter(session__expire_date__gt=now)


class BrowserSession(models.Model):
    """What a person is told about a browser that is signed in. It goes when the session goes."""

    public_id = PublicIdField("sess")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="browser_sessions")
    # Without the database's constraint: a release that knows no such table may delete the session.
    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    user_agent = models.CharField(max_length=300, blank=True)
    address = models.CharField(max_length=60, blank=True, help_text="The network it came from, not the machine.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = BrowserSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-last_seen_at", "-id"]

    def __str__(self) -> str:
        return self.device

    @property
    def device(self) -> str:
        return devices.in_words(self.user_agent)


class SecondFactorQuerySet(models.QuerySet["SecondFactor"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()

    def apps(self) -> Self:
        return self.filter(kind=SecondFactor.Kind.APP)

    def passkeys(self) -> Self:
        return self.filter(kind=SecondFactor.Kind.PASSKEY)


class SecondFactor(models.Model):
    """What a person shows besides the password: codes of an authenticator app, or a passkey."""

    class Kind(models.TextChoices):
        APP = "app", "Authenticator app"
        PASSKEY = "passkey", "Passkey"

    public_id = PublicIdField("factor")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="second_factors")
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=60)
    sealed_secret = models.CharField(max_length=300, blank=True, editable=False)
    last_step = models.BigIntegerField(null=True, editable=False, help_text="The newest time step whose code was used.")
    credential_id = models.BinaryField(null=True, unique=True)
    credential = models.BinaryField(null=True)
    use_count = models.BigIntegerField(
        default=0, editable=False, help_text="As the passkey itself counts; 0: it does not."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SecondFactorQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(kind="app"), name="one_authenticator_app_per_person")
        ]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """Stands in for a second factor once. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"
