"""`offline` refuses every call to another machine, and none on this one."""

import subprocess
import sys

import pytest

REFUSE = """
from sessionqa.errors import OutgoingRefused
from sessionqa.offline import refuse_outgoing
import socket, urllib.request
refuse_outgoing()
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", REFUSE + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "call",
    [
        "socket.create_connection(('192.0.2.1', 80), 1)",
        "socket.create_connection(('2001:db8::1', 80), 1)",
        "socket.getaddrinfo('example.org', 80)",
        "socket.gethostbyname('example.org')",
        "socket.gethostbyaddr('192.0.2.1')",
        "socket.getnameinfo(('192.0.2.1', 80), 0)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "urllib.request.urlopen('http://example.org', timeout=1)",
    ],
)
def test_another_machine_is_not_called(call: str) -> None:
    code = f"""
try:
    {call}
except OutgoingRefused as error:
    print(error)
"""
    assert "`offline` is set" in python(code)


def test_this_machine_is() -> None:
    code = """
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "localhost")):
    with socket.create_server((host, 0), family=family) as server:
        socket.create_connection(server.getsockname()[:2], 5).close()
        print("called")
"""
    assert python(code).split() == ["called", "called"]


def test_to_listen_on_an_address_is_no_call() -> None:
    assert python("print(socket.getaddrinfo('192.0.2.1', 80)[0][4][0])").strip() == "192.0.2.1"


def test_a_question_needs_no_other_machine() -> None:
    command = [sys.executable, "-m", "sessionqa", "ask", "--offline", "What is shuffle sharding?"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "Shuffle Sharding" in done.stdout) == (0, True), done.stderr
