"""Every verb that changes an account. The public door for form, admin and API."""

from .passwords import (
    change_password,
    finish_password_reset,
    is_reset_link_alive,
    password_reset_link,
    set_password,
    start_password_reset,
)
from .profile import delete_address, save_address, update_profile
from .sign_in import authenticate, register, sign_in_with_token
from .tokens import issue_token, revoke_token

__all__ = [
    "authenticate",
    "change_password",
    "delete_address",
    "finish_password_reset",
    "is_reset_link_alive",
    "issue_token",
    "password_reset_link",
    "register",
    "revoke_token",
    "save_address",
    "set_password",
    "sign_in_with_token",
    "start_password_reset",
    "update_profile",
]
