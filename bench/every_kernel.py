"""Call every kernel once, so that it is compiled or found in the cache: ``python -m bench.every_kernel``."""

import importlib
import json
import pkgutil
import time
from contextlib import suppress

import numpy as np

import splicelab
from splicelab.alternatives import BUILT_IN
from splicelab.callers import load_callers
from splicelab.evidence.counted import fragments, lifetimes
from splicelab.evidence.counted.predict import predict
from splicelab.evidence.counted.run import run
from splicelab.evidence.live.forecast import forecast
from splicelab.evidence.live.sockets import LiveError
from splicelab.evidence.recorded.recordings import operations, recordings
from splicelab.evidence.timed import unit_loops
from splicelab.kernel import copy, tcp
from splicelab.kernel.frag import ALLOCATORS
from splicelab.kernel.world import new_world


def call_every_kernel() -> None:
    """Send, predict, live, fill, copy, call this kernel: as little of each as there is."""
    run(load_callers()["siw"], BUILT_IN[0])  # one chooser: all alternatives
    kinds = {recorded.kind: recorded.scenario for recorded in recordings()}
    first = kinds["plain"].messages[0]
    once = first.model_copy(update={"calls": [("nodelay", 1), ("splice", [("socket", 0, 1)], 0)], "acks": []})
    predict([*kinds.values(), kinds["plain"].model_copy(update={"messages": [once]})])
    tcp.splice_eof(new_world())  # a file that ended early
    lifetimes.lives(messages=50)
    fragments.shoot_out(allocators=ALLOCATORS[:1], messages=8)
    fragments.block_offsets(ALLOCATORS[0], (48,))
    dst, src = np.zeros((2, 64), np.uint8)
    one = np.zeros(1, np.int64)
    copy.copy_checksum(dst, 0, src, 0, 8)
    copy.gather(dst, 0, src, one, one + 8)
    unit_loops.copy_loop(dst, src, 8, one, one, 1)
    unit_loops.alloc_loop(new_world(), 0, 48, 1)
    unit_loops.atomic_loop(one, 1)
    unit_loops.chase_loop(one, one, 1)
    with suppress(LiveError):  # where sockets or splice are not permitted nobody will call these
        forecast((1024,))


def uncompiled() -> list[str]:
    """Return the kernels that no call has reached; those that are always part of another do not count."""
    missed = []
    for module in pkgutil.walk_packages(splicelab.__path__, "splicelab."):
        is_apart = module.name.startswith("splicelab.alternatives.") or module.name.endswith("__main__")
        for name, value in {} if is_apart else vars(importlib.import_module(module.name)).items():
            is_kernel = hasattr(value, "part") and value.targetoptions.get("inline") != "always"
            if is_kernel and value.__module__ == module.name and not value.part.signatures:
                missed.append(f"{module.name}.{name}")
    return missed


if __name__ == "__main__":
    start_s = time.perf_counter()
    call_every_kernel()
    called_s = time.perf_counter()
    scenarios = [recorded.scenario for recorded in recordings()]
    operations()
    loaded_s = time.perf_counter()
    predict(scenarios)
    took = {"kernels_s": called_s - start_s, "load_s": loaded_s - called_s, "predict_s": time.perf_counter() - loaded_s}
    print(json.dumps(took | {"uncompiled": uncompiled()}))
