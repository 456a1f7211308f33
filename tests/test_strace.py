"""What strace writes, line for line: the calls that are read from it, with or without the names of sockets."""

import pytest

from splicelab.errors import InputError
from splicelab.evidence.recorded.own_trace import own_trace
from splicelab.evidence.recorded.trace_lines import csv_lines, read_calls

HERE = "<TCP:[127.0.0.1:80->127.0.0.1:5000]>"
SOCKET = HERE[1:-1]


@pytest.fixture
def calls(tmp_path):
    """Return what is read of some lines, each put behind a task's number and a time."""

    def read(*lines, task="7", stamp=True):
        path = tmp_path / "a.strace"
        stamped = (f"{task} 17000000{place:02}.000000 {line}\n" for place, line in enumerate(lines))
        path.write_text("".join(stamped) if stamp else "".join(f"{line}\n" for line in lines))
        return [(call.call, "|".join(sorted(call.flags)), call.segment_sizes) for call in read_calls(path)]

    return read


@pytest.mark.parametrize(
    ("line", "call", "flags", "sizes"),
    [
        ('sendto(3@, "GET / HTTP\\") = 9"..., 78, MSG_NOSIGNAL|MSG_MORE, NULL, 0) = 78', "sendto", "MORE|NOSIGNAL", (78,)),  # noqa: E501
        ('sendto(3@, "x", 70, 0, NULL, 0) = 30', "sendto", "", (30,)),
        ('write(3@, "a, b) = 5"..., 100) = 40 <0.000017>', "write", "", (40,)),
        ('writev(3@, [{iov_base="h", iov_len=48}, {iov_base="p", iov_len=4096}], 2) = 4000', "writev", "", (48, 3952)),
        ("writev(3@, [...], 2) = 4000", "writev", "", (4000,)),
        (
            'sendmsg(3@, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="h", iov_len=48}, {iov_base="p", '
            "iov_len=16}], msg_iovlen=2, msg_controllen=0, msg_flags=0}, MSG_DONTWAIT|MSG_MORE|MSG_EOR) = 64",
            *("sendmsg", "DONTWAIT|EOR|MORE", (48, 16)),
        ),
        ("sendfile(3@, 8</srv/a b, c) = 3>, [0] => [300000], 400000) = 300000", "sendfile", "", (300000,)),
        ("sendfile64(3@, 8, NULL, 4096) = 4096", "sendfile", "", (4096,)),
        ("splice(4<pipe:[11]>, NULL, 3@, NULL, 65536, SPLICE_F_MOVE|SPLICE_F_MORE) = 65536", "splice", "MORE", (65536,)),  # noqa: E501
        ("splice(4<pipe:[11]>, [0] => [9], 3@, NULL, 65536, 0) = 9", "splice", "", (9,)),
        ("setsockopt(3@, SOL_TCP, TCP_CORK, [1], 4) = 0", "cork", "", ()),
        ("setsockopt(3@, SOL_TCP, TCP_CORK, [0], 4) = 0", "uncork", "", ()),
        ("setsockopt(3@, SOL_TCP, TCP_NODELAY, [1], 4) = 0", "nodelay", "", ()),
        ("setsockopt(3@, SOL_TCP, TCP_NODELAY, [0], 4) = 0", "nagle", "", ()),
        ('recvfrom(3@, "x"..., 1024, 0, NULL, NULL) = 85', "recv", "", ()),
        ("shutdown(3@, SHUT_RDWR) = 0", "close", "", ()),
        ("sendto(3@, \"x\", 7, 0, NULL, 0) = -1 EAGAIN (Die Ressource ist zur Zeit nicht verfügbar)", "refused", "", ()),  # noqa: E501
        ("write(3</dev/null>, \"x\", 1) = 1", "elsewhere", "", ()),
        ("write(3<UDP:[127.0.0.1:80->127.0.0.1:5000]>, \"x\", 1) = 1", "elsewhere", "", ()),
    ],
)  # fmt: skip
def test_a_call_as_strace_writes_it(calls, line, call, flags, sizes):
    assert calls(line.replace("@", HERE)) == [(call, flags, sizes)]


def test_sendmmsg_is_a_call_for_each_message(calls):
    one = '{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="", iov_len=%d}], msg_iovlen=1}, msg_len=%d}'
    line = f"sendmmsg(3{HERE}, [{one % (10, 10)}, {one % (20, 15)}, {one % (9, 0)}], 3, MSG_MORE) = 2"
    assert calls(line) == [("sendmmsg", "MORE", (10,)), ("sendmmsg", "MORE", (15,))]


@pytest.mark.parametrize(
    "line",
    [
        "shutdown(3@, SHUT_RD) = 0",
        "setsockopt(3@, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
        "recvfrom(3@, \"\", 1024, 0, NULL, NULL) = 0",
        "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8, si_uid=0} ---",
        "+++ exited with 0 +++",
        "recvfrom(3@,  <detached ...>",
        "<... sendto resumed>) = 5",
        "exit_group(0) = ?",
        "futex(0x7f, FUTEX_WAIT, 0, NULL <unfinished ...>) = ?",
    ],
)  # fmt: skip
def test_what_sends_nothing_is_no_call(calls, line):
    assert calls(line.replace("@", HERE)) == []


def test_calls_of_threads_that_interrupt_each_other(calls):
    lines = [
        f'7 1700000000.000001 sendto(3{HERE}, "a", 20, MSG_MORE, NULL, 0 <unfinished ...>',
        f'[pid     8] 1700000000.000002 writev(3{HERE}, [{{iov_base="", iov_len=5}}], 1 <unfinished ...>',
        "7 1700000000.000003 <... sendto resumed>) = 12",
        "strace: Process 9 attached",
        "[pid     8] 1700000000.000004 <... writev resumed>) = 5",
    ]
    assert calls(*lines, stamp=False) == [("sendto", "MORE", (12,)), ("writev", "", (5,))]


def test_a_call_has_the_line_where_it_begins(tmp_path):
    path = tmp_path / "a.strace"
    path.write_text(
        f'7 1700000000.000001 write(3{HERE}, "", 20 <unfinished ...>\n'
        "8 1700000000.000002 exit_group(0) = ?\n7 1700000000.000003 <... write resumed>) = 12\n"
    )
    (call,) = read_calls(path)
    assert (call.line, call.time, call.socket) == (1, 1700000000.000003, SOCKET)


def test_without_names_a_socket_is_known_by_what_is_done_with_it(calls):
    told = calls(
        'write(5, "before anybody knows", 20) = 20',
        "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
        "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0",
        'write(3, "x", 9) = 9',
        "accept4(4, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr(\"127.0.0.1\")}, [16], 0) = 5",
        'write(5, "x", 8) = 8',
        'sendto(6, "x", 7, 0, NULL, 0) = 7',
        "socket(AF_UNIX, SOCK_STREAM, 0) = 7",
        'sendto(7, "x", 6, 0, NULL, 0) = 6',
        "close(3) = 0",
        'write(3, "a file by now", 5) = 5',
    )  # fmt: skip
    names = [call for call, *_ in told]
    assert names == ["elsewhere", "write", "close", "write", "sendto", "elsewhere", "close", "elsewhere"]


def test_threads_share_descriptors_and_processes_do_not(tmp_path):
    path = tmp_path / "a.strace"
    path.write_text(
        "7 1700000000.000001 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD, stack=0x7f}, 88) = 8\n"
        "7 1700000000.000002 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 9\n"
        + "".join(f'{task} 1700000000.00001{task} sendto(3, "", 4, 0, NULL, 0) = 4\n' for task in (7, 8, 9))
    )
    assert [call.socket for call in read_calls(path)] == ["7:3", "7:3", "9:3"]


def test_an_option_set_before_the_connection_has_its_name_is_not_lost(calls):
    told = calls(
        "setsockopt(3<TCP:[401]>, SOL_TCP, TCP_NODELAY, [1], 4) = 0", f'sendto(3{HERE}, "", 4, 0, NULL, 0) = 4'
    )
    assert [call for call, *_ in told] == ["nodelay", "nodelay", "sendto"]


@pytest.mark.parametrize("name", ["nginx", "nbdkit"])
def test_strace_as_csv_says_the_same(tmp_path, name):
    path = tmp_path / "as.csv"
    stored = own_trace(name)
    path.write_text("\n".join(csv_lines(f"data/traces/{name}.strace")) + "\n")
    again = own_trace(path)
    assert again.table.equals(stored.table)
    assert [wait[1:5] for wait in again.found.waits] == [wait[1:5] for wait in stored.found.waits]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("17000000 sendto(3, 9)", "time"),
        ("7 1700000000.000 sendto(3<TCP:[1->2]>, \"\", 4, 0, NULL, 0) = 99999999999", "result"),
        ("7 1700000000.000 sendto(3<TCP:[1->2]>, \"\", 4", "call"),
        ("7 1700000000.000 whatever it is", "call"),
        ("7 1700000000.000 ", "call"),
    ],
)  # fmt: skip
def test_a_line_that_strace_does_not_write(tmp_path, text, field):
    path = tmp_path / "bad.strace"
    path.write_text('7 1700000000.000 exit_group(0) = ?\n' + text + "\n")  # fmt: skip
    with pytest.raises(InputError, match=rf"^bad\.strace: line 2: {field}: "):
        list(read_calls(path))
