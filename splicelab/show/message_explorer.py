"""The Explorer of one alternative: any caller's message under the microscope."""

from ipywidgets import Checkbox, Dropdown, IntSlider

from splicelab.callers import load_callers
from splicelab.errors import InputError
from splicelab.evidence.counted.message import Trace, trace_message
from splicelab.evidence.counted.run import outcome
from splicelab.kernel.profiles import DESCRIPTIONS
from splicelab.kernel.world import new_world
from splicelab.show.explorer import Explorer
from splicelab.show.microscope import Microscope
from splicelab.show.story import counted, story

CALLERS = ("siw", "iscsi_tcp", "ceph_v1", "rds", "sunrpc_server", "nvme_tcp")
OWNERS = {"the caller's own": None, "slab object": "slab", "kernel stack": "stack", "static data": "static"}
OWNERS |= {"page fragment": "page_frag", "page": "page"}


def message_explorer(alternative: str, caller: str = "siw", profile: str = "6.12+v3") -> Explorer:
    """Return an Explorer that sends one message by an alternative and draws it, from these first values."""
    callers, world = load_callers(), new_world()  # cells have their own world: sliders come in another thread
    if caller not in CALLERS:
        raise InputError(f"caller: {caller!r} is not one of {', '.join(CALLERS)}")

    def compute(pages, trailer, caller, profile, owner, flag, loss) -> Trace:
        shape = callers[caller]
        options = {"owners": {"header": OWNERS[owner]} if OWNERS[owner] else {}, "lose_every": int(loss)}
        trailer = min(max(trailer, shape.trailer_bytes_min), shape.trailer_bytes_max)
        options |= {"payload_bytes": pages * 4096, "trailer_bytes": trailer, "flag": flag, "world": world}
        return trace_message(shape, alternative, profile, **options)

    controls = {
        "pages": IntSlider(value=3, min=1, max=16, description="payload (pages)"),
        "trailer": IntSlider(value=4, min=0, max=21, description="trailer (bytes)"),
        "caller": Dropdown(options=CALLERS, value=caller, description="caller"),
        "profile": Dropdown(options=list(DESCRIPTIONS), value=profile, description="kernel"),
        "owner": Dropdown(options=list(OWNERS), description="header lies in"),
        "flag": Checkbox(value=True, description="splice flag given"),
        "loss": Checkbox(value=False, description="each lost once"),
    }
    return Explorer(controls, compute, Microscope, lambda values, trace: story(trace), _note)


def _note(values: dict, trace: Trace) -> str:
    """Say in one line what the picture does not."""
    t = trace.tally
    sent = f"{t.sent_bytes:,} bytes taken in {counted(t.sends, 'call')}, {t.copied_bytes:,} of them copied"
    return f"<b>{outcome(t)}</b>: {sent}, {t.corrupt_bytes:,} wrong on arrival (counted)"
