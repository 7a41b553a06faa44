"""Failures in the shape in which Stripe answers them."""

from typing import Any


class ApiError(Exception):
    """An answer that is an error: HTTP status, Stripe's error type and, where Stripe gives one, code and param."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields: dict[str, Any] = {
            "code": code, "decline_code": decline_code, "message": message, "param": param, "type": type, **more,
        }  # fmt: skip

    def body(self) -> dict[str, Any]:
        return {"error": {name: value for name, value in self.fields.items() if value is not None}}


def no_such(noun: str, ident: str, param: str) -> ApiError:
    return ApiError(f"No such {noun}: '{ident}'", status=404, code="resource_missing", param=param)
