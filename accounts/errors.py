from typing import TYPE_CHECKING

from shop.errors import Conflict, Forbidden, InvalidInput, Unauthenticated

if TYPE_CHECKING:
    from .models import User


class WrongCredentials(Unauthenticated):
    """The same for an unknown address, a wrong password and a closed account."""

    code = "wrong_credentials"
    text = "The email address or the password is wrong."


class EmailTaken(Conflict):
    code = "email_taken"
    text = "There is already an account with this email address."


class EmailNotVerified(Unauthenticated):
    """Told only after the right password: nobody else learns that there is such an account."""

    code = "email_not_verified"
    text = "Confirm your email address first: follow the link in the mail that we sent you."


class VerificationLinkDead(InvalidInput):
    code = "verification_link_dead"
    text = "This link was used already or is too old. Ask for a new one."


class InsufficientScope(Forbidden):
    """What the request's own token may not do, in the form of RFC 6750."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"This token may not do this. It needs the scope {scope}.",
            extra={"scope": scope},
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )


class TooManyTokens(Conflict):
    code = "too_many_tokens"
    text = "There are 50 tokens already. End one first."


class ResetLinkDead(InvalidInput):
    code = "reset_link_dead"
    text = "This link was used already or is too old. Ask for a new one."


class TooManyAddresses(Conflict):
    code = "too_many_addresses"
    text = "The address book is full. Delete an address first."


class MfaRequired(Unauthenticated):
    """The password was right; `user` is who must show the second factor."""

    code = "mfa_required"
    text = "Enter the code of your authenticator app, or a recovery code."

    def __init__(self, user: "User") -> None:
        self.user = user
        super().__init__(fields={"otp": [self.text]})


class MfaEnrolmentRequired(Forbidden):
    code = "mfa_enrolment_required"
    text = "Staff need a second factor. Sign in on the site and set one up first."


class WrongCode(Unauthenticated):
    code = "wrong_code"
    text = "This code is wrong, too old or used already."

    def __init__(self) -> None:
        super().__init__(fields={"otp": [self.text]})


class PasskeyRefused(Unauthenticated):
    code = "passkey_refused"
    text = "The passkey was not accepted. Try again, or use another way."


class EraseRefused(Conflict):
    code = "erase_refused"
    text = "This account can't be erased now."


class AlreadyEnrolled(Conflict):
    code = "already_enrolled"
    text = "An authenticator app is set up already. Remove it first."


class TooManyPasskeys(Conflict):
    code = "too_many_passkeys"
    text = "There are 20 passkeys already. Remove one first."
