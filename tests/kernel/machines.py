"""What the state machines share: sizes to draw, the comparison with the twin, and how long they run."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from kernel.worlds import counted

from splicelab.kernel import frag
from splicelab.kernel.memory import FREE, SLAB
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import NONE

ROWS = {
    "page_frag_down": frag.FROM_THE_END, "page_frag_up": frag.FROM_THE_START, "v3_per_cpu": frag.V3_CPU0,
    "sk_frag": frag.SK_FRAG, "task_frag": frag.TASK_FRAG,
}  # fmt: skip
PICK = st.integers(0, 1000)
PROFILE = st.sampled_from(sorted(PROFILES))
SIZE = st.one_of(st.integers(1, 300), st.integers(1, 9000), st.sampled_from([4096, 8192, 8193, 20000, 32768, 40000]))
STEPS = 15 if settings.default.max_examples < 1000 else 40


def check_memory(w, ours):
    """Every block has the references that the twin counts, and nothing else is in use."""
    heads = list(ours.blocks)
    assert w.page["refcount"][heads].tolist() == [block.count for block in ours.blocks.values()]
    assert w.page["kind"][heads].all(), "in use here, free there"
    in_use = sum(1 << block.order for block in ours.blocks.values())
    assert counted(w, "pages_in_use", "objects_in_use", "double_put", "exhausted") == (in_use, len(ours.objects), 0, 0)
    for name, cache in ours.caches.items():
        row = w.frag_cache[ROWS[name]]
        assert row.page == (NONE if cache["page"] is None else cache["page"])
        if cache["page"] is not None:
            assert (row.offset, row.size_bytes) == (cache["offset"], cache["size"])
            assert row.bias == cache.get("bias", row.bias)


def check_empty(w):
    """After the caches are drained only slabs are left, and every object is back in them."""
    frag.drain_caches(w)
    assert set(w.page["kind"][: w.page_brk].tolist()) <= {FREE, SLAB}
    assert counted(w, "objects_in_use", "double_put", "pinned_bytes") == (0, 0, 0)


def as_test(machine):
    """Return the test of a machine; make soak runs it longer, but a machine's example is a whole history."""
    machine.TestCase.settings = settings(stateful_step_count=STEPS, max_examples=min(settings().max_examples, 2000))
    return pytest.mark.soak(machine.TestCase)
