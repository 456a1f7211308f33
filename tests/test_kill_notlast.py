"""The minimal set: NOTLAST is gone, nothing else changed but the pushes."""

import pytest

from splicelab.callers import load_callers
from splicelab.evidence.counted.compare import compare
from splicelab.evidence.counted.run import run

CALLERS = load_callers()


def both(key, payload_bytes, profile="6.1", **options):
    payload_bytes = min(payload_bytes, CALLERS[key].payload_bytes_max)
    return [*compare(key, payload_bytes, ("piecewise", "kill_notlast"), profile, **options).tallies.values()]


@pytest.mark.parametrize("mtu", [1500, 65536])
@pytest.mark.parametrize("key", CALLERS)
def test_the_flag_is_gone_and_every_call_pushes(key, mtu):
    before, after = both(key, 16384, mtu=mtu)
    assert after.sendpages_notlast == 0
    assert after.tcp_push == after.sends == before.sends
    assert before.tcp_push == before.sends - before.sendpages_notlast
    assert after.outcome == before.outcome
    same = ("sent_bytes", "received_bytes", "copies", "copied_bytes", "sendpages", "kmallocs", "frag_allocs")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert after.skbs >= before.skbs


@pytest.mark.parametrize("key", CALLERS)
def test_where_sendpage_is_gone_it_is_that_kernel_s_own_message(key):
    assert len(set(both(key, 16384, "6.12"))) == 1


def test_a_read_of_4_kib_over_nvme_pays_two_pushes_and_no_skb():
    before, after = both("nvmet_tcp", 4096)
    assert (before.tcp_push, after.tcp_push) == (1, 3)
    assert (before.skbs, after.skbs) == (1, 1)
    assert run(CALLERS["nvmet_tcp"], "piecewise", "6.12").tcp_push == 3


def test_a_long_message_leaves_in_more_skbs_where_segments_are_short():
    before, after = both("nvmet_tcp", 65536, mtu=1500)
    assert (before.skbs, after.skbs) == (2, 17) and before.segments == after.segments == 46


def test_siw_lost_more_than_the_flag():
    """The merged series took MORE off the last page as well: what follows it leaves alone."""
    before, after = both("siw", 65536, mtu=1500)
    assert (before.skbs, after.skbs) == (46, 92)
    before, after = both("ceph_v1", 65536, mtu=1500)
    assert before.short_segments == after.short_segments
