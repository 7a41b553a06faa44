from payments.tests.conftest import keys, order, payment, running_sandbox, sandbox  # noqa: F401
