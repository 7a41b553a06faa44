from .addresses import address_delete, address_edit, address_new, addresses
from .passwords import password_change, password_reset, password_reset_confirm, password_reset_sent
from .profile import profile
from .sign_in import login, logout, register

__all__ = [
    "address_delete",
    "address_edit",
    "address_new",
    "addresses",
    "login",
    "logout",
    "password_change",
    "password_reset",
    "password_reset_confirm",
    "password_reset_sent",
    "profile",
    "register",
]
