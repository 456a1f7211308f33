"""Every recorded operation beside the model: calls with bytes and flags, bytes copied and spliced, pushes."""

from collections import Counter
from itertools import groupby

import pytest

from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.compare import compare
from splicelab.evidence.recorded.recordings import operations
from splicelab.evidence.recorded.replay import by_operation, model_of, recorded_calls, replay, row_of

CALLERS = load_callers()
UNPLUG_AND_BARRIER = (16, 24)  # packets of drbd that follow a write when its queue runs empty


def as_one_entry(calls):
    """Merge attached entries side by side: how a user's pages lie in memory is not the caller's choice."""
    grouped = groupby(calls, key=lambda call: call[0] == "sendpage" and call[1] > 72)
    merged = []
    for is_payload, group in grouped:
        group = list(group)
        merged += [("sendpage", sum(size for _, size, _ in group), group[-1][2])] if is_payload else group
    return merged


def test_every_recorded_operation_is_reproduced():
    exact, wrong = Counter(), []
    for op in operations().query("caller != 'siw'").itertuples():
        key, kernel = row_of(op), "6.1" if op.kernel == "6.1.192" else "6.12"
        calls = recorded_calls(op)
        copied_bytes, pushes = op.copied_bytes, op.pushes
        if key == "ceph_v1" and len(calls) > 261:
            continue  # two writes of 1 MiB with a tick of the client in between (data/README.md)
        if key is None or key == "ceph_v2" and any(call[1] in (132, 314) for call in calls):
            continue
        if key == "drbd":
            extra = [call for call in calls if call[0] == "copy" and call[1] in UNPLUG_AND_BARRIER]
            calls = [call for call in calls if call not in extra]
            copied_bytes, pushes = copied_bytes - sum(size for _, size, _ in extra), pushes - len(extra)
        compared = model_of(op, key, kernel)
        tally, said = compared.tallies["piecewise"], compared.calls["piecewise"]
        if key == "nvme_tcp" and kernel == "6.1":
            calls, said = as_one_entry(calls), as_one_entry(said)
        attached_bytes = op.spliced_bytes + sum(size for name, size, *_ in op.calls if name == "sendpages")
        was = calls, copied_bytes, attached_bytes, pushes
        is_same = was == (said, tally.copied_bytes, tally.spliced_bytes + tally.sendpages_bytes, tally.tcp_push)
        exact[key, kernel] += is_same
        if not is_same:
            wrong.append((op.caller, op.kernel, op.op, was[1:], calls[:6], said[:6]))
    assert not wrong, wrong[:5]
    assert len(exact) == 24 and min(exact.values()) >= 15 and exact.total() > 1000


def test_siw_sends_64_kib_at_mtu_1500_as_recorded():
    said = compare("siw", 65536, ("piecewise",), "6.12", mtu=1500)
    tally, calls = said.tallies["piecewise"], said.calls["piecewise"]
    assert (tally.sends, tally.skbs, tally.copied_bytes, tally.spliced_bytes) == (153, 92, 46 * 20, 65536)
    (op,) = [
        op
        for op in operations().itertuples()
        if op.caller == "siw"
        and op.kernel == "6.12.117"
        and any(call[1] == 1240 and call[2] & 0x8000 for call in op.calls)
        and "65536" in op.op
    ]
    recorded = recorded_calls(op)
    assert any(recorded[start : start + len(calls)] == calls for start in range(len(recorded)))
    assert [length for length, *_ in op.skbs].count(4) >= 46


def test_every_spliced_fpdu_of_siw_has_the_flags_of_its_row():
    fpdus = 0
    for op in operations().query("caller == 'siw' and kernel == '6.12.117'").itertuples():
        calls = recorded_calls(op)
        for place, call in enumerate(calls):
            if call == ("copy", 16, ("MORE",)):
                end = next(n for n in range(place + 1, len(calls)) if calls[n][0] == "copy")
                pages = calls[place + 1 : end]
                assert [flags for *_, flags in pages] == [("MORE",)] * (len(pages) - 1) + [()]
                assert calls[end] == ("copy", 4, ("EOR",))
                fpdus += 1
    assert fpdus > 190


@pytest.mark.parametrize(
    ("key", "kernel", "copied_bytes", "spliced_bytes"),
    [
        ("siw", "6.12", 16 + 4096 + 4, 0),
        ("iscsi_tcp", "6.12", 48 + 4096, 0),
        ("iscsi_tcp", "6.1", 48 + 4096, 0),
        ("nvme_tcp", "6.12", 4096, 72),
        ("drbd", "6.12", 40 + 4096, 0),
        ("ceph_v1", "6.12", 54 + 277 + 4096 + 21, 0),
        ("ceph_v2", "6.12", 77 + 277 + 4096 + 13, 0),
    ],
)
def test_a_sender_that_asks_copies_payload_in_slab(key, kernel, copied_bytes, spliced_bytes):
    told = compare(key, 4096, ("piecewise",), kernel, owners={"payload": "slab"}).tallies["piecewise"]
    acks_bytes = CALLERS[key].ack_bytes
    assert told.outcome == "delivered"
    assert (told.copied_bytes - acks_bytes, told.spliced_bytes + told.sendpages_bytes) == (copied_bytes, spliced_bytes)


def test_who_asks_of_the_first_page_alone_hands_over_a_slab_page_behind_it():
    """The range of the bug that 23a55f4492fc mended: the first page good, the second slab, in one entry."""
    mixed = {"owners": {"payload": "page_then_slab"}, "entry_bytes": 8192}
    after = compare("nvme_tcp", 8192, ("piecewise",), "6.12", **mixed).tallies["piecewise"]
    assert (after.outcome, after.copied_bytes) == ("delivered", 8192)
    first = CALLERS["nvme_tcp"].model_copy(update={"asks_6_12": "first"})
    before = compare(first, 8192, ("piecewise",), "6.12", **mixed).tallies["piecewise"]
    assert before.outcome == "short send" and before.eio


def test_three_calls_as_counted_by_hand():
    shape = CALLERS["siw"].model_copy(update={"message_bytes_max": "", "copied_below_bytes": 0})
    told = compare(shape, 49152, ("three_calls", "piecewise"), "6.12", mtu=1500).tallies
    three, many = told["three_calls"], told["piecewise"]
    assert (three.sends, three.copied_bytes, three.frag_allocs, three.skbs) == (3, 20, 0, 2)
    assert (many.sends, many.skbs) == (14, 13)


DIFFER = {("drbd write", "6.1"), ("drbd write", "6.12")}  # unplug and barrier packets, when a queue ran empty
DIFFER |= {(f"nvme_tcp write{digest}", "6.1") for digest in ("", ", data digest")}  # how a user's pages lie in memory


def test_a_replay_marks_what_differs_and_nothing_else():
    differ = set()
    for name, found in by_operation().items():
        for _, payload_bytes in found:
            told = replay(name, payload_bytes)
            for kernel, lines in told.lines.items():
                was, said = told.counts[kernel]
                is_same = all(one == other for _, one, other in lines)
                assert (
                    sum(n for n, one, _ in lines if one) == was[0] and sum(n for n, _, one in lines if one) == said[0]
                )
                assert is_same or "differs" in told.text
                if not is_same or was != said:
                    differ.add((name, kernel))
    assert differ == DIFFER


def test_a_replay_is_of_what_was_recorded():
    with pytest.raises(InputError, match="payload: kcm send was recorded with 64, 4096, 16384, 65536, 131072 bytes"):
        replay("kcm send", 9)
    with pytest.raises(InputError, match="operation: 'siw write' is not one of ceph_v2 write, "):
        replay("siw write", 4096)
