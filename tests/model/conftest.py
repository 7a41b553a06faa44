from payments.tests.conftest import keys, running_sandbox, sandbox  # noqa: F401
