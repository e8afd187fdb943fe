"""What connects processes that torchrun started: over which interface, how long they wait, how that fails."""

import os
import socket
import struct

from dlcli.errors import DlcliError

TIME_OUT = 300.0  # seconds that a process waits for the others: no less than reading, compiling or a report takes
TIME_OUT_VARIABLE = "DLCLI_TIMEOUT"
INTERFACE_VARIABLE = "GLOO_SOCKET_IFNAME"  # gloo's own
ELSEWHERE = "192.0.2.1"  # an address for documents (RFC 5737): what leads there leads out of the host
SIOCGIFADDR = 0x8915  # Linux: the IPv4 address of an interface


def time_out() -> float:
    """Seconds that a process waits for the others. Raises DlcliError for a variable that is no positive number."""
    text = os.environ.get(TIME_OUT_VARIABLE, str(TIME_OUT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise DlcliError(f"{TIME_OUT_VARIABLE}={text} is not a number of seconds", "give one such as 300")
    return seconds


def reason(error: RuntimeError) -> str:
    """What torch's ``error`` means, without the places in its source."""
    text = " ".join(str(error).split())
    if "imed out" in text or "timeout" in text:
        return f"no answer within {time_out():g} seconds"
    if "losed by peer" in text or "reset by peer" in text or "roken pipe" in text:
        return "one of them has ended"
    return text[:200]


def choose_interface() -> None:
    """Tell gloo the network interface that reaches the first process; what the user has set stands.

    By itself gloo takes the one that the host's own name leads to, which may be the loopback or another network.
    """
    if INTERFACE_VARIABLE in os.environ:
        return
    address = local_address(os.environ["MASTER_ADDR"])
    one_host = os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")
    if address and address.startswith("127.") and not one_host:  # the name of the first host, where it is this one
        address = local_address(ELSEWHERE) or address
    name = interface_of(address) if address else None
    if name:
        os.environ[INTERFACE_VARIABLE] = name


def local_address(host: str) -> str | None:
    """This host's IPv4 address on the way to ``host``; None where no way leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # of a datagram socket: chooses the way, and sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


def interface_of(address: str) -> str | None:
    """The name of the network interface that has IPv4 ``address``; None where it can't be told."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:  # it has none
                continue
            if socket.inet_ntoa(found[20:24]) == address:
                return name
    return None
