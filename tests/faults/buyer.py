"""A buyer who does not give up: whatever got no clear answer is sent again, with the same key."""

import http.client
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.stack import Answer, Stack, eventually

ADDRESS = {"fullName": "Ada Byron", "line1": "Am Markt 1", "city": "Bremen", "postalCode": "28195", "country": "DE"}
# What a request may end in while something is broken, and what a client then does: wait and send it again.
AGAIN = {429, 502, 503, 504}


def put_on_sale(stack: Stack, sku: str, *, units: int) -> None:
    staff = stack.sign_in_staff()
    stack.manage("shell", "-c", "from catalog.operations import make_category; make_category(['Table'])")
    product = {"name": "Plain bowl", "description": "Thrown by hand.", "price": 12.5, "category": "Table", "sku": sku}
    answer = stack.call("POST", "/api/products", product | {"stock": units}, token=staff)
    assert answer.status == 201, answer.body


@dataclass
class Buyer:
    """One wish to order. `refusals` counts what had to be sent again, by status, 0 for a connection that broke."""

    stack: Stack
    sku: str
    address: str
    key: str = field(default_factory=lambda: f"wish-{secrets.token_hex(8)}")
    patience: float = 150
    longest_pause: float = 2.0
    order: dict[str, Any] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    ends_as: str = "refunded"
    refund_minor: int = 0
    on_refusal: Callable[[int], None] = lambda status: None

    @property
    def email(self) -> str:
        return f"{self.key}@example.com"

    def order_and_pay(self) -> None:
        self.place()
        self.pay()
        self.until("paid")

    def place(self) -> None:
        cart = self.begin_cart()
        body = {"cartId": cart, "email": self.email, "shippingAddress": ADDRESS, "paymentMethod": "stripe"}
        answer = self.insist("POST", "/api/orders", body, idempotency_key=self.key)
        assert answer.status == 201, (answer.status, answer.body)
        self.order = answer.data
        self.refund_minor = answer.data["totalMinor"]

    def begin_cart(self) -> str:
        answer = self.insist("POST", "/api/cart/me/items", {"sku": self.sku, "quantity": 1})
        assert answer.status == 200, (answer.status, answer.body)
        return str(answer.data["cartId"])

    def pay(self) -> None:
        address = self.order["payment"]["redirectUrl"]
        assert address.startswith(self.stack.sandbox_url), address
        paid = self.stack.pay(address)
        assert paid.status == 303, (paid.status, paid.body)

    def cancel(self) -> None:
        path = f"/api/orders/{self.order['orderId']}/cancel"
        answer = self.insist("POST", path, token=self.order["orderToken"])
        assert answer.status == 200, (answer.status, answer.body)

    def send_back(self) -> None:
        """Gets the parcel, and sends everything in it back; staff book it."""
        order, token = f"/api/orders/{self.order['orderId']}", self.stack.sign_in_staff()
        (line,) = self.order["items"]
        units = [{"itemId": line["itemId"], "quantity": line["quantity"]}]
        for status in ("shipped", "delivered"):
            self._staff("PUT", f"{order}/status", {"status": status}, token=token)
        body = {"items": [units[0] | {"reason": "changed_mind"}]}
        made = self._staff("POST", f"{order}/returns", body, token=token, idempotency_key=self.key)
        asked = f"{order}/returns/{made['returnId']}"
        self._staff("PUT", asked, {"status": "approved"}, token=token)
        self._staff("PUT", asked, {"status": "received", "items": [units[0] | {"disposition": "restock"}]}, token=token)
        self.ends_as, self.refund_minor = "partially_refunded", round(line["subtotal"] * 100)

    def _staff(self, method: str, path: str, body: Any, **headers: str) -> Any:
        answer = self.insist(method, path, body, **headers)
        assert answer.status in {200, 201}, (path, answer.status, answer.body)
        return answer.data

    def until(self, payment_status: str) -> None:
        def is_so() -> bool:
            time.sleep(0.2)
            path = f"/api/orders/{self.order['orderId']}"
            shown = self.insist("GET", path, token=self.order["orderToken"])
            return bool(shown.data["paymentStatus"] == payment_status)

        eventually(is_so, seconds=self.patience, what=f"{self.key} to be {payment_status}")

    def insist(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The first clear answer. A broken connection, 429, 503 and "still under way" are none."""
        return insist(
            lambda: self.stack.call(method, path, body, X_Forwarded_For=self.address, **headers),
            patience=self.patience,
            longest_pause=self.longest_pause,
            refused=self._refused,
        )

    def _refused(self, status: int) -> None:
        self.refusals.append(status)
        self.on_refusal(status)


def insist(
    ask: Callable[[], Answer],
    *,
    patience: float,
    longest_pause: float = 2.0,
    refused: Callable[[int], None] = lambda status: None,
) -> Answer:
    """The first clear answer. A broken connection, 429, 503 and "still under way" are none."""
    deadline = time.monotonic() + patience
    while True:
        try:
            answer = ask()
        except (OSError, http.client.HTTPException):
            status, pause = 0, 0.2
        else:
            if not is_unclear(answer):
                return answer
            status, pause = answer.status, min(float(answer.headers.get("retry-after", 1)), longest_pause)
        refused(status)
        assert time.monotonic() < deadline, f"no clear answer in {patience} s; the last was {status}"
        time.sleep(pause)


def is_unclear(answer: Answer) -> bool:
    return answer.status in AGAIN or (answer.status == 409 and answer.json.get("code") == "in_flight")
