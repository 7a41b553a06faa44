"""Secrets that we must read again, kept so that a copy of the database alone reads none of them."""

from cryptography.fernet import InvalidToken

from shop.sealing import box

PURPOSE = "accounts.sealing"


def seal(text: str) -> str:
    return box(PURPOSE).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Empty when the key that sealed it is gone: no code matches it, and `reset_second_factor` helps."""
    try:
        return box(PURPOSE).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return ""
