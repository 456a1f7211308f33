"""Traces that nobody meant: each gives a summary, or one line that names file, line and field."""

import os
import subprocess
import sys
import threading

import pytest
from hostile import NUMBERS, WORDS, many
from hypothesis import given, settings
from hypothesis import strategies as st

from splicelab import cli, own_trace
from splicelab.errors import InputError
from splicelab.evidence.counted.compare import AS_THE_CALLER
from splicelab.evidence.recorded.own_trace import STORED
from splicelab.evidence.recorded.trace_lines import COLUMNS, OWNERS, SENDS, UPLOAD_BYTES
from splicelab.paths import DATA

HEADER = ",".join(COLUMNS).encode()
ROW = b"0.5,s,sendmsg,MORE,kvec,48+4096,slab+page"
GOOD = {name: (DATA / "traces" / f"{name}.strace").read_bytes() for name in STORED}
GOOD |= {"csv": HEADER + b"\n" + b"\n".join([ROW] * 40) + b"\n"}
BITS = [b"", b"\0", b"\xff\xfe", b"-", b"+", b",", b"9" * 30, b" = ", b"<unfinished ...>", b"\r", b"\n", b'"', b"=1+1"]


@st.composite
def broken(draw):
    """Return a good trace in which bytes were cut, doubled or replaced, or fields by values that nobody meant."""
    content = draw(st.sampled_from(sorted(GOOD)).map(GOOD.get))
    if draw(st.booleans()):
        lines = content.split(b"\n")
        place = draw(st.integers(0, len(lines) - 1))
        by = b"," if b"," in lines[place] else b" "
        fields = lines[place].split(by)
        value = str(draw(NUMBERS | WORDS)).encode()
        fields[draw(st.integers(0, len(fields) - 1))] = value
        lines[place] = by.join(fields)
        return b"\n".join(lines)
    start, size = draw(st.integers(0, len(content))), draw(st.integers(0, 200))
    return content[:start] + draw(st.sampled_from(BITS) | st.binary(max_size=40)) + content[start + size :]


@pytest.mark.soak
@many
@given(broken() | st.binary(max_size=300))
def test_a_broken_trace_is_a_summary_or_one_line(content):
    try:
        told = own_trace({"name": "broken", "content": memoryview(content)})
    except InputError as error:
        said = str(error)
        assert said.startswith("broken: line ") and said.count(": ") >= 2 and "\n" not in said and len(said) < 400
    else:
        assert told.found.counts["messages"] > 0 and told.found.counts["bytes"] > 0


SIZES = st.sampled_from([1, 48, 4095, 4096, 8193, 65536, 600_000])
SEGMENTS = st.lists(st.tuples(SIZES, st.sampled_from(OWNERS)), min_size=1, max_size=6)
ROWS = st.tuples(st.sampled_from(SENDS), st.sampled_from(["-", "MORE", "EOR", "0x8008000"]), SEGMENTS)


@settings(max_examples=25)
@given(st.lists(ROWS | st.just(("cork",)) | st.just(("uncork",)), min_size=1, max_size=8))
def test_whatever_is_sent_arrives_by_every_alternative(rows):
    lines = [HEADER.decode()]
    for call, *what in rows:
        flags, segments = what or ("-", [])
        sizes, owners = ("+".join(map(str, column)) for column in zip(*segments, strict=True)) if segments else "--"
        lines.append(f"1,s,{call},{flags},{'kvec' if segments else '-'},{sizes},{owners}")
    if not any(what for _, *what in rows):
        return
    told = own_trace({"name": "any", "content": "\n".join(lines).encode()})
    for key, tally in told.through().tallies.items():
        assert tally.outcome == "delivered" and tally.sendmsg_bytes == told.found.counts["bytes"], key
        if key not in AS_THE_CALLER:  # whose MORE may be the last word, so that bytes wait when counting ends
            assert tally.received_bytes == told.found.counts["bytes"], key


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "bad: line 1: "),
        (b"\n\n", "bad: line 1: "),
        (b"\x7fELF\x02\x01\x01\0\0\0", "bad: line 1: "),
        (HEADER, "bad: line 1: call: none"),
        (HEADER + b"\n" + ROW[:-20], "bad: line 2: "),
        (HEADER + b"\n" + ROW + b"\r\n" + ROW + b"\n", "bad: line 2: line ends are mixed"),
        (HEADER + b"\n" + ROW + b"\n" + ROW + b"\r", "bad: line 3: line ends are mixed"),
        (HEADER.replace(b",", b";") + b"\n" + ROW.replace(b",", b";"), "bad: line 1: neither the columns time,socket"),
        (HEADER + b"\n" + ROW.replace(b"0.5", b"0,5"), "bad: line 2: 8 columns"),
        (HEADER + b",more\n" + ROW, "bad: line 1: neither the columns"),
        (b",".join([b"x"] * 1_000_000), "bad: line 1: longer than"),
        (HEADER + b"\n" + b",".join([b"1"] * 1_000_000), "bad: line 2: longer than"),
        (HEADER + b"\n" + ROW.replace(b"48", b"-48"), "bad: line 2: segment_sizes: "),
        (HEADER + b"\n" + ROW.replace(b"48", b"9223372036854775808"), "bad: line 2: segment_sizes: "),
        (HEADER + b"\n" + ROW.replace(b"48", "４８".encode()), "bad: line 2: segment_sizes: "),
        (HEADER + b"\n" + ROW.replace(b"0.5", b"-0.5"), "bad: line 2: time: "),
        (b"15:32:01.123456 write(1, \"\", 5) = 5\n", "bad: line 1: "),
        (b"execve(\"/bin/true\", [\"true\"], 0x7ffe /* 39 vars */) = 0\n", "bad: line 1: "),
        (b"7 1700000000.000001 openat(AT_FDCWD, \"/etc\", O_RDONLY) = 3\n", "bad: line 1: call: none"),
        (GOOD["nginx"][:4000], "call: not a whole call"),
        ("12,5 1700000000,000001 sendto(3, \"\", 5) = 5\n".encode("utf-16"), "bad: line 1: "),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line_and_exit_2(tmp_path, content, said, capsys):
    path = tmp_path / "bad"
    path.write_bytes(content)
    for command in (["trace", str(path)], ["trace", str(path), "--csv"], ["compare", "--trace", str(path)]):
        status = cli.main(command)
        out, err = capsys.readouterr()
        if command[-1] == "--csv" and "none" in said:  # no call is a table with no row
            continue
        assert status == 2 and err.startswith("splicelab: bad: line ") and said in err and err.count("\n") == 1


def test_what_is_no_file_is_one_line_and_nothing_waits(tmp_path, capsys):
    os.mkfifo(tmp_path / "fifo")
    for path, said in [(tmp_path / "fifo", "not a regular"), (tmp_path, "directory"), (tmp_path / "x", "No such file")]:
        ended = threading.Timer(20, os._exit, [3])
        ended.start()
        assert cli.main(["trace", str(path)]) == 2
        ended.cancel()
        err = capsys.readouterr().err
        assert err.startswith(f"splicelab: {path}: ") and said.lower() in err.lower() and err.count("\n") == 1


def test_an_upload_has_a_limit():
    with pytest.raises(InputError, match="^big: no content, or more than 8 MiB"):
        own_trace({"name": "big", "content": memoryview(bytes(UPLOAD_BYTES + 1))})


@pytest.mark.parametrize("odd", ["a\0b", None, 7, {}, {"name": "x"}, [], b"x", object()])
def test_what_is_no_path_is_a_sentence(odd):
    with pytest.raises(InputError):
        own_trace(odd)


MEMORY = """
import resource, sys
from splicelab.evidence.recorded.own_trace import own_trace
for path in sys.argv[1:]:
    own_trace(path)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(tmp_path):
    paths = []
    for rows in (10_000, 1_000_000):
        paths.append(tmp_path / f"{rows}.csv")
        with open(paths[-1], "wb") as file:
            file.write(HEADER + b"\n")
            file.writelines(
                b"%d.%d,s%d,sendmsg,-,kvec,%d,slab\n" % (n // 1000, n % 1000, n, 1 + n * 7919 % 65536)
                for n in range(rows)
            )
    done = subprocess.run([sys.executable, "-c", MEMORY, *map(str, paths)], capture_output=True, check=True)
    few, many_kib = map(int, done.stdout.split())
    assert many_kib - few < 100 * 1024  # 65,536 connections are remembered
