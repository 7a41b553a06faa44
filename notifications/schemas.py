from typing import Literal

from shop.api import Answer, Body

Mails = Literal["placed", "paid", "shipped", "delivered", "cancelled", "refunded"]


class ResendBody(Body):
    mail: Mails


class ResendAnswer(Answer):
    order_id: str
    mail: str
