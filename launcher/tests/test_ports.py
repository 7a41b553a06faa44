import socket
from collections.abc import Iterator

import pytest

from launcher.ports import free_port, is_free, require_free
from launcher.terminal import Problem


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_a_way_out(taken: int) -> None:
    with pytest.raises(Problem) as raised:
        require_free("127.0.0.1", taken)
    text = str(raised.value)
    assert f"Port {taken} on 127.0.0.1 is taken" in text
    offered = int(text.rsplit("--port", 1)[1])
    assert offered > taken
    assert is_free("127.0.0.1", offered)


def test_the_wildcard_address_sees_a_port_taken_on_loopback(taken: int) -> None:
    assert not is_free("0.0.0.0", taken)


def test_free_port_skips_the_taken_one(taken: int) -> None:
    assert free_port("127.0.0.1", taken) > taken


def test_an_address_of_another_machine_is_refused_plainly() -> None:
    with pytest.raises(Problem, match=r"Cannot listen on 192\.0\.2\.1"):
        require_free("192.0.2.1", 8000)
