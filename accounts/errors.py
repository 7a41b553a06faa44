from shop.errors import Conflict, InvalidInput, Unauthenticated


class WrongCredentials(Unauthenticated):
    """The same for an unknown address, a wrong password and a closed account."""

    code = "wrong_credentials"
    text = "The email address or the password is wrong."


class EmailTaken(Conflict):
    code = "email_taken"
    text = "There is already an account with this email address."


class ResetLinkDead(InvalidInput):
    code = "reset_link_dead"
    text = "This link was used already or is too old. Ask for a new one."


class TooManyAddresses(Conflict):
    code = "too_many_addresses"
    text = "The address book is full. Delete an address first."
