from .addresses import address_delete, address_edit, address_new, addresses
from .passwords import password_change, password_reset, password_reset_confirm, password_reset_sent
from .privacy import erase, export, privacy
from .profile import profile
from .second_factor import (
    app_new,
    confirm,
    factor_remove,
    passkey_login,
    passkey_new,
    passkey_question,
    passkey_rename,
    recovery_codes,
    second_step,
)
from .security import security, session_end, sessions_end
from .sign_in import login, logout, register, staff_login
from .tokens import token_end, token_rotate, tokens
from .verification import verification_send, verification_sent, verify_email

__all__ = [
    "address_delete",
    "address_edit",
    "address_new",
    "addresses",
    "app_new",
    "confirm",
    "erase",
    "export",
    "factor_remove",
    "login",
    "logout",
    "passkey_login",
    "passkey_new",
    "passkey_question",
    "passkey_rename",
    "password_change",
    "password_reset",
    "password_reset_confirm",
    "password_reset_sent",
    "privacy",
    "profile",
    "recovery_codes",
    "register",
    "second_step",
    "security",
    "session_end",
    "sessions_end",
    "staff_login",
    "token_end",
    "token_rotate",
    "tokens",
    "verification_send",
    "verification_sent",
    "verify_email",
]
