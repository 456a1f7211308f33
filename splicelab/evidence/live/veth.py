"""The route beside loopback: a veth pair between two network namespaces, made for one connection and gone with it."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack

HOSTS = ("198.18.0.1", "198.18.0.2")  # RFC 2544: for measurements, and routed nowhere
CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h


def join_namespaces(stack: ExitStack) -> Callable[[int], None]:
    """Give the calling thread two network namespaces that a veth pair joins; return what enters that of a host.

    Descriptors on the stack and sockets hold them: with the last of these the kernel takes both down, and the pair.
    OSError where this user may not do so, or there is no program ``ip``.
    """
    libc, held = ctypes.CDLL(None, use_errno=True), []

    def done(failed: int) -> None:
        if failed:
            raise OSError(ctypes.get_errno(), f"network namespace: {os.strerror(ctypes.get_errno())}")

    def enter(host: int) -> None:
        done(libc.setns(held[host], CLONE_NEWNET))

    for _ in HOSTS:
        done(libc.unshare(CLONE_NEWNET))
        held.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        stack.callback(os.close, held[-1])
    pair = f"link add veth0 type veth peer name veth0 netns /proc/self/fd/{held[0]}\n"  # the thread is in the second
    for host in (1, 0):
        enter(host)
        words = f"{pair * host}addr add {HOSTS[host]}/30 dev veth0\nlink set veth0 up\n"
        made = subprocess.run(["ip", "-batch", "-"], input=words, pass_fds=held, capture_output=True, text=True)
        if made.returncode:
            raise OSError(f"ip: {made.stderr.strip().splitlines()[0]}")
    return enter
