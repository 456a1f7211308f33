"""The Explorer of one alternative: any caller's message under the microscope."""

from functools import partial

from splicelab.evidence.counted.message import Trace, trace_message
from splicelab.evidence.counted.run import pick_caller, segment_bytes
from splicelab.kernel.profiles import PROFILES
from splicelab.kernel.world import PAGE_SIZE
from splicelab.show.explorer import Explorer, explore

CALLERS = ["siw", "iscsi_tcp", "ceph_v1", "rds", "sunrpc_server", "nvme_tcp"]
OWNERS = {"slab object": "slab", "kernel stack": "stack", "static data": "static", "page fragment": "page_frag"}
OWNERS = {"the caller's own": {}} | {words: {"header": owner} for words, owner in (OWNERS | {"page": "page"}).items()}
WORDS = {"owners": "header lies in", "lose_every": "each lost once"}


def explore_message(alternative: str, caller: str = "siw", kernel: str = "6.12+v3") -> Explorer:
    """Return an Explorer that sends one message by an alternative and draws it, from these first values.

    Its controls offer the trailers and the whole pages of payload that the caller does send in one message.

    Examples
    --------
    >>> from splicelab import explore_message
    >>> explore_message("copy_in_stack", "rds").result.tally.outcome
    'delivered'
    """

    def send(caller: str, kernel: str, payload_pages: int, **options) -> Trace:
        return trace_message(caller, alternative, kernel, payload_bytes=PAGE_SIZE * payload_pages, **options)

    def pages(caller: str, **others) -> range:
        return range(1, min(16, pick_caller(caller).most_bytes(segment_bytes(65536)[0]) // PAGE_SIZE) + 1)

    limits = {"payload_pages": pages, "trailer_bytes": lambda caller, **others: pick_caller(caller).trailer_sizes()}
    first = {"caller": caller, "kernel": kernel, "payload_pages": 3, "trailer_bytes": 4, "owners": {}}
    choices = {"caller": CALLERS, "kernel": list(PROFILES), "owners": list(OWNERS.items())}
    ranges = {"payload_pages": (1, 16), "trailer_bytes": (0, 21), "flag": True, "lose_every": False}
    return explore(partial(send, **first), labels=WORDS, limits=limits, **choices, **ranges)
