from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from . import operations
from .models import Address, ApiToken, User

PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


class PasswordForm(AdminPasswordChangeForm):
    user: User

    def save(self, commit: bool = True) -> User:
        """Ends the person's tokens too: Django's own form would leave them alive."""
        password = self.cleaned_data["password1"] if self.cleaned_data["set_usable_password"] else None
        # The view renews the session by this: by the old password's it would sign staff out of their own.
        self.user = operations.set_password(self.user, password)
        return self.user


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class AddressInline(TabularInline):
    model = Address
    extra = 0
    fields = ("full_name", "line1", "line2", "postal_code", "city", "region", "country", "phone")


class ApiTokenInline(TabularInline):
    """Staff may see and end tokens, not make them: the secret is its owner's alone."""

    model = ApiToken
    verbose_name = "API token"
    extra = 0
    fields = readonly_fields = ("name", "hint", "scopes", "created_at", "last_used_at", "expires_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    list_display = ("email", "get_full_name", "is_staff", "is_active", "created_at")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "first_name", "last_name", "public_id")
    ordering = ("-id",)
    readonly_fields = ("public_id", "email_verified_at", "last_login", "created_at", "updated_at")
    inlines = (AddressInline, ApiTokenInline)
    fieldsets = (
        (None, {"fields": ("email", "email_verified_at", "password", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "phone", "public_id")}),
        ("Privileges", {"fields": PRIVILEGES}),
        ("Dates", {"fields": ("created_at", "updated_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change and "email" in form.changed_data:
            operations.forget_verification(obj, timezone.now())
        super().save_model(request, obj, form, change)

    # Who may give privileges, or set the email or password of somebody who has them, has them all.

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, *PRIVILEGES)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and outranks(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and outranks(request.user, obj)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()


def outranks(staff: Any, user: User | None) -> bool:
    return user is None or staff.is_superuser or not (user.is_staff or user.is_superuser)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass
