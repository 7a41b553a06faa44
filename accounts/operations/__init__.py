"""Every verb that changes an account. The public door for form, admin and API."""

from .passwords import (
    change_password,
    finish_password_reset,
    is_reset_link_alive,
    password_reset_link,
    set_password,
    start_password_reset,
)
from .privacy import erase_account, export_account
from .profile import delete_address, save_address, update_profile
from .rules import check_current_password
from .rules import lock as lock_account
from .second_factor import (
    enrol_app,
    enrol_passkey,
    must_have_second_factor,
    prove_identity,
    remove_second_factor,
    rename_passkey,
    renew_recovery_codes,
    reset_second_factor,
    use_code,
    use_passkey,
)
from .sessions import end_session, end_sessions, forget_lost_sessions, remember_session
from .sign_in import authenticate, register, sign_in_with_token
from .tokens import (
    create_token,
    end_token,
    forget_expired_tokens,
    issue_token,
    mark_token_used,
    revoke_token,
    rotate_token,
)
from .verification import (
    forget_verification,
    is_verification_mandatory,
    owner_of_verification_link,
    start_verification,
    verification_link,
    verify_email,
)

__all__ = [
    "authenticate",
    "change_password",
    "check_current_password",
    "create_token",
    "delete_address",
    "end_session",
    "end_sessions",
    "end_token",
    "enrol_app",
    "enrol_passkey",
    "erase_account",
    "export_account",
    "finish_password_reset",
    "forget_expired_tokens",
    "forget_lost_sessions",
    "forget_verification",
    "is_reset_link_alive",
    "is_verification_mandatory",
    "issue_token",
    "lock_account",
    "mark_token_used",
    "must_have_second_factor",
    "owner_of_verification_link",
    "password_reset_link",
    "prove_identity",
    "register",
    "remember_session",
    "remove_second_factor",
    "rename_passkey",
    "renew_recovery_codes",
    "reset_second_factor",
    "revoke_token",
    "rotate_token",
    "save_address",
    "set_password",
    "sign_in_with_token",
    "start_password_reset",
    "start_verification",
    "update_profile",
    "use_code",
    "use_passkey",
    "verification_link",
    "verify_email",
]
