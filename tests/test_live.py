"""Live runs: loops do what their twin does, what is predicted happens, and on a bad day a run ends in a sentence."""

import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

import live_twin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicelab.evidence.live import loops, sockets, veth
from splicelab.evidence.live.forecast import ACKS, STALLED, forecast, newest_profile, predict_message
from splicelab.evidence.live.loops import WAYS
from splicelab.evidence.live.sockets import LiveError, Shape, open_wire
from splicelab.evidence.live.veth import HOSTS
from splicelab.paths import REPOSITORY

SMALL = Shape(48, 4096, 4)


def can_splice():
    try:
        with open_wire(SMALL) as wire:
            wire.send("fix_callers")
    except LiveError:
        return False
    return True


pytestmark = pytest.mark.skipif(not can_splice(), reason="this machine does not let a program splice to a socket")


def open_things():
    """Return how many sockets, pipes, payload files, network namespaces and receiving threads there are."""
    descriptors = []
    for link in os.scandir("/proc/self/fd"):
        with suppress(OSError):  # that of the folder itself
            descriptors.append(os.readlink(link.path).partition(":")[0])
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("receiver")]
    return [descriptors.count(kind) for kind in ("socket", "pipe", "/memfd", "net")], len(threads)


@pytest.fixture(autouse=True)
def nothing_stays_open():
    before = open_things()
    yield
    assert open_things() == before


@given(
    st.sampled_from(WAYS),
    st.builds(Shape, st.integers(1, 4096), st.integers(1, 200_000), st.integers(1, 4096)),
    st.integers(1, 12),
)
def test_loops_and_twin_make_the_same_calls_and_every_byte_arrives(way, shape, messages):
    counts = []
    for side in (loops, live_twin):
        with open_wire(shape, side=side) as wire:
            counts.append(wire.send(way, messages))
            assert wire.state.tolist() == [messages * sum(shape), 0]
    assert counts[0] == counts[1]
    assert counts[0]["completions"] == messages * (way == "attach_callback")


def test_what_is_predicted_happens_or_is_explained():
    told = forecast((100, 4096, 65536))
    odd = told.table[~told.table.agrees & (told.table.why == "")]
    assert odd.empty, odd.to_string()
    assert told.table.agrees.mean() > 0.9 and set(told.table.scenario.str.split(",").str[0]) >= set(WAYS)
    assert told.text == "live: what was predicted, and what this kernel did; see table"


@pytest.mark.parametrize(
    ("release", "profile"),
    [
        ("6.1.0-28-amd64", "6.1"),
        ("6.5.0", "6.1"),
        ("6.12.9+", "6.12"),
        ("6.18.44-x", "6.17"),
        ("5.10", "6.1"),
        ("7.2", "6.17"),
    ],
)
def test_the_profile_is_the_newest_that_is_not_newer(release, profile):
    assert newest_profile(release) == profile


def test_predictions_by_hand():
    three = predict_message("piecewise", SMALL, "6.12")
    assert (three["calls"], three["data segments"], three["bytes sent"]) == (3, 2, 4148)
    bulk = predict_message("three_calls", SMALL, "6.12")
    assert (bulk["calls"], bulk["data segments"]) == (4, 1), "the pages wait for the trailer, which no sendfile says"
    assert predict_message("fix_callers", SMALL, "6.12")["data segments"] == 1
    waits = predict_message("plain_copy, MORE to the end", SMALL, "6.12")
    assert (waits["bytes not sent"], waits["data segments"]) == (4148, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("heat", sockets.HEATS)
def test_tiny_buffers_and_full_pipes_only_cost_calls(way, heat, monkeypatch):
    monkeypatch.setattr(sockets, "PIPE_BYTES", 4096)
    with open_wire(Shape(48, 300_000, 4), heat) as wire:
        wire.sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        assert wire.send(way, 3)["calls"] >= 3


def test_a_call_that_a_signal_interrupts_is_made_again():
    hits = []
    before = signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
        with open_wire(Shape(48, 1 << 20, 4)) as wire:
            for way in WAYS[:5]:
                wire.send(way, 40)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert hits


@pytest.mark.parametrize("way", WAYS)
def test_a_peer_that_resets_is_a_sentence_at_once(way):
    with open_wire(Shape(48, 65536, 4)) as wire:
        wire.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.receiver.close()
        start_s = time.monotonic()
        with pytest.raises(LiveError, match=f"live: {way}: "):
            wire.put(way, 1000)
        assert time.monotonic() < start_s + sockets.DEADLINE_S


@pytest.mark.parametrize("way", WAYS)
def test_a_receiver_that_never_reads_ends_at_the_deadline(way, monkeypatch):
    monkeypatch.setattr(sockets, "DEADLINE_S", 1)
    with open_wire(Shape(48, 65536, 4)) as wire:
        with pytest.raises(LiveError, match="Resource temporarily unavailable"):
            wire.put(way, 1000)


def test_a_connection_lasts_no_longer_than_it_may(monkeypatch):
    monkeypatch.setattr(sockets, "LONGEST_S", 0.2)
    with open_wire(SMALL) as wire, pytest.raises(LiveError, match="live: (plain_copy|receiver): "):
        wire.send("plain_copy", 1 << 24)


def test_bytes_that_come_too_slowly_are_a_sentence(monkeypatch):
    with open_wire(SMALL) as wire:
        received = wire.begin(2)
        wire.put("plain_copy", 1)
        monkeypatch.setattr(sockets, "DEADLINE_S", 0.1)
        with pytest.raises(LiveError, match="live: receiver: Connection timed out"):
            wire.finish(received)


def test_wrong_bytes_are_noticed():
    with open_wire(SMALL) as wire:
        wire.meant[100] += 1
        with pytest.raises(LiveError, match="1 of 4148 bytes came wrong"):
            wire.send("plain_copy")


def test_without_descriptors_it_is_a_sentence():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 2, hard))
    try:
        with pytest.raises(LiveError, match="Too many open files"), open_wire(SMALL):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on loopback")
    with open_wire(SMALL, host="::1") as wire:
        wire.send("fix_callers", 10)


@pytest.mark.parametrize(
    ("shape", "said"),
    [((0, 1, 1), "header: 0 bytes"), ((48, 0, 4), "payload: 0 bytes"), ((48, 1, 4097), "trailer: 4097")],
)
def test_a_shape_out_of_bounds_is_refused(shape, said):
    with pytest.raises(ValueError, match=said), open_wire(Shape(*shape)):
        pass


def can_join():
    try:
        with open_wire(SMALL, route="veth"):
            return True
    except LiveError:
        return False


@pytest.mark.skipif(not can_join(), reason="this user may not make network namespaces")
def test_a_veth_pair_is_there_for_one_connection_and_the_program_stays_where_it_is():
    before = os.readlink("/proc/self/ns/net")
    with open_wire(SMALL, route="veth") as wire:
        assert (wire.sender.getsockname()[0], wire.receiver.getsockname()[0]) == HOSTS
        assert wire.sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) == 1448
        assert wire.send("attach_callback", 3)["copied"] == 3
    assert os.readlink("/proc/self/ns/net") == before
    told = forecast((4096, 16384), route="veth").table
    assert told.agrees.mean() > 0.9 and (told.agrees | (told.why != "")).all(), told[~told.agrees].to_string()


def test_an_ack_within_a_call_leaves_the_rest_that_more_holds():
    given = STALLED, Shape(payload_bytes=131072), "6.12"
    waiting = [predict_message(*given, acks, route="veth")["bytes not sent"] for acks in (ACKS[0], ACKS[2])]
    assert waiting == [0, 131072 + 52 - 90 * 1448]


def test_a_veth_pair_that_is_not_permitted_is_a_sentence(monkeypatch):
    monkeypatch.setattr(veth, "CLONE_NEWNET", 1)
    with pytest.raises(LiveError, match="do it: .*network namespace: "), open_wire(SMALL, route="veth"):
        pass


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to become another user")
def test_an_ordinary_user_can():
    one = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]  # who may read the files of this Python
    one += [f"--{which}-caps=-all,+dac_read_search" for which in ("inh", "ambient")]
    command = [*one, sys.executable, "-m", "splicelab", "live", "--quick"]
    with tempfile.TemporaryDirectory() as cache:
        os.chmod(cache, 0o777)
        env = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": str(REPOSITORY), "NUMBA_CACHE_DIR": cache}
        how = {"env": env, "cwd": "/", "capture_output": True, "text": True, "timeout": 300}
        done = subprocess.run([*command, "--json"], **how)
        told = json.loads(done.stdout)["predictions"]
        assert sum(row["agrees"] for row in told) >= 0.98 * len(told)
        assert all(row["agrees"] or row["why"] for row in told)
        said = subprocess.run([*command, "--route=veth"], **how).stdout
    assert "a stored run: " in said and "network namespace: Operation not permitted" in said
