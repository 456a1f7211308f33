"""Real programs under strace, on loopback: a trace made here goes the whole way, and a stall made here is named."""

import re
import shutil
import subprocess
import sys

import pytest

from splicelab import cli, own_trace
from splicelab.evidence.recorded.own_messages import MORE, NAGLE
from splicelab.evidence.recorded.trace_lines import COLUMNS, read_calls
from splicelab.paths import DATA, REPOSITORY

BPFTRACE, SCRIPT = shutil.which("bpftrace"), REPOSITORY / "tools" / "tcp_sends.bt"
SERVER = """
import functools, http.server, subprocess, sys, threading
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for _ in range(3):
    client = ["curl", "-s", "-o", "/dev/null"] if len(sys.argv) > 2 else [sys.executable, "-c",
        "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"]
    subprocess.run([*client, f"http://127.0.0.1:{server.server_port}/file"], check=True)
server.shutdown()
"""
STALLS = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
def client():
    with socket.create_connection(listener.getsockname()) as one:
        for _ in range(3):
            one.sendall(b"ask")
            there = 0
            while there < 600:
                there += len(one.recv(4096))
threading.Thread(target=client).start()
served, _ = listener.accept()
for _ in range(3):
    served.recv(100)
    served.send(bytes(100), int(sys.argv[1]))
    served.send(bytes(500), int(sys.argv[1]))
served.recv(100)
"""


def documented_trace_option():
    """Return the calls to trace, as data/README.md has them."""
    (said,) = re.findall(r"^    strace (.*) -o (?:\S+) ", (REPOSITORY / "data" / "README.md").read_text(), re.MULTILINE)
    return said.split()


@pytest.fixture
def strace(tmp_path):
    """Return a function that runs a Python program under strace as documented, and gives the trace."""
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode:
        pytest.skip("no strace here, or it may not look: apt install strace")

    def run(program, *arguments, options=None):
        path = tmp_path / "made here.strace"
        command = ["strace", *(options or documented_trace_option()), "-o", str(path)]
        subprocess.run([*command, sys.executable, "-c", program, *map(str, arguments)], check=True, timeout=120)
        return path

    return run


def test_a_server_s_strace_goes_the_whole_way(strace, tmp_path, capsys):
    (tmp_path / "file").write_bytes(bytes(200_000))
    path = strace(SERVER, tmp_path, *["curl"] * (shutil.which("curl") is not None))
    told = own_trace(path)
    sent = told.table[told.table["bytes"] >= 65536]["times"].sum()
    assert told.found.counts["bytes"] > 600_000 and sent >= 3
    tallies = told.through(("plain_copy", "copy_in_stack")).tallies
    assert {tally.outcome for tally in tallies.values()} == {"delivered"}
    assert tallies["plain_copy"].copied_bytes == told.found.counts["bytes"]
    assert cli.main(["compare", "--trace", str(path), "--alternative", "plain_copy"]) == 0
    assert "made here.strace" in capsys.readouterr().out


@pytest.mark.parametrize(("flags", "why", "longest_s"), [(0x8000, MORE, 0.15), (0, NAGLE, 0.03)])
@pytest.mark.parametrize(
    "options", [None, "-f -ttt -e trace=sendmsg,sendto,write,writev,recvfrom,accept4,close".split()]
)
def test_the_stall_that_was_made_is_named_with_its_line(strace, flags, why, longest_s, options):
    path = strace(STALLS, flags, options=options)
    told = own_trace(path)
    times, longest, line = told.found.causes[why]
    assert times >= 2 and longest > longest_s and f"waited for {why}: " in told.text
    assert re.search(r"\b(sendto)\(.* 500, ", path.read_text().splitlines()[line - 1])


def test_who_switches_nagle_off_has_no_stall(strace):
    program = STALLS.replace(
        "for _ in range(3):\n    served", "served.setsockopt(6, 1, 1)\nfor _ in range(3):\n    served"
    )
    told = own_trace(strace(program, 0))
    assert not [wait for wait in told.found.waits if wait.bytes == 500]


def test_what_bpftrace_prints_is_the_documented_csv(tmp_path):
    """Every printf of the script, filled in as bpftrace does."""
    text = re.sub(r"\n\s+", " ", SCRIPT.read_text())
    formats = re.findall(r'printf\("(.*?)\\n"', text)
    words = iter(["user", "bvec", "kvec", "user", "cork", "nagle"])
    lines = []
    for number, form in enumerate(formats):
        values = {"%lld": "7", "%06lld": "000123", "%llx": f"ffff888{number}", "0x%x": "0x8008000"}
        values["%s"] = next(words) if "%s" in form else ""
        for code, value in sorted(values.items(), key=lambda item: -len(item[0])):
            form = form.replace(code, value)
        lines.append(form)
    assert lines[0] == ",".join(COLUMNS) and len(lines) == 11
    path = tmp_path / "kernel.csv"
    path.write_text("\n".join(lines) + "\n")
    calls = list(read_calls(path))
    assert [call.segment_sizes for call in calls[:4]] == [(7,), (7, 7), (7, 7, 7), (7, 7, 7, 7)]
    assert {call.call for call in calls[4:]} == {"refused", "cork", "nagle", "nodelay", "recv", "close"}
    assert all(call.flags == {"MORE", "SPLICE_PAGES"} for call in calls[:4])


def test_what_bpftrace_printed_on_a_real_kernel():
    """One program on 6.12.117: its calls are known, and what its sendfile became is TCP's."""
    calls = list(read_calls(DATA / "traces" / "tcp_sends.csv"))
    sends = [call for call in calls if call.call == "sendmsg"]
    sent = [("|".join(sorted(call.flags)), call.iterator, call.segment_sizes) for call in sends]
    lists = [(48, 4096), (48, 4096, 4), (48, 4096, 4, 7), (48, 4096, 4, 7 + 9)]
    assert sent[:3] == [("MORE", "user", (48,)), ("", "user", (4096,)), ("", "user", (48,))]
    assert sent[3:8] == [("MORE" * (n == 0), "user", sizes) for n, sizes in enumerate(lists)] + [("", "user", (240,))]
    rounds = [65536, 65536, 150_000 - 2 * 65536]
    assert [(flags, sum(sizes)) for flags, kind, sizes in sent if kind == "bvec"] == [
        ("MORE|SPLICE_PAGES" if n < 2 else "SPLICE_PAGES", size_bytes) for n, size_bytes in enumerate(rounds)
    ]
    names = [call.call for call in calls if call.call not in ("recv", "sendmsg")]
    assert names == ["cork", "uncork", "nodelay", "close", "close", "close"]
    assert own_trace(DATA / "traces" / "tcp_sends.csv").found.counts["bytes"] == 171_044


@pytest.mark.skipif(BPFTRACE is None, reason="no bpftrace here: apt install bpftrace")
def test_bpftrace_can_compile_the_script():
    done = subprocess.run([BPFTRACE, "-d", SCRIPT], capture_output=True, text=True)
    if "BTF" in done.stderr or "root" in done.stderr or "Unknown struct" in done.stderr:
        pytest.skip(f"bpftrace may not look at this kernel's types: {done.stderr.splitlines()[0][:100]}")
    assert done.returncode == 0 and "getelementptr" in done.stdout + done.stderr, done.stderr[-500:]
