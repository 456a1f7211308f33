"""The Explorers of the notebooks, as their cells make them."""

from functools import partial

from splicelab import explore, held_until_ack, lives_by_delay, load_callers, observe, records, timeline, trace_message
from splicelab.evidence.counted.layers import LAYERS, PATTERNS, sender

KERNELS = ["6.1", "6.12", "6.12+v3", "6.13", "6.14", "6.17"]


def message_explorer(alternative, caller="siw", kernel="6.12+v3"):
    """One message under the microscope."""
    owners = {"the caller's own": {}, "slab object": {"header": "slab"}, "kernel stack": {"header": "stack"}}

    def send(
        payload_pages=3,
        trailer_bytes=4,
        caller=caller,
        kernel=kernel,
        owners=owners["the caller's own"],
        flag=True,
        lose_every=False,
    ):
        shape = load_callers()[caller]
        trailer_bytes = min(max(trailer_bytes, shape.trailer_bytes_min), shape.trailer_bytes_max)
        message = {"payload_bytes": 4096 * payload_pages, "trailer_bytes": trailer_bytes, "owners": owners}
        return trace_message(caller, alternative, kernel, **message, flag=flag, lose_every=int(lose_every))

    words = {"owners": "header lies in", "lose_every": "each lost once"}
    callers = ["siw", "iscsi_tcp", "ceph_v1", "rds", "sunrpc_server", "nvme_tcp"]
    sizes = {"payload_pages": (1, 16), "trailer_bytes": (0, 21)}
    return explore(
        send,
        labels=words,
        **sizes,
        caller=callers,
        kernel=KERNELS,
        owners=list(owners.items()),
        flag=True,
        lose_every=False,
    )


def lifetime_explorer(messages=3000):
    """How attached slab memory fares."""
    words = {
        "ack_delay": "ACK delay (messages)",
        "loss": "chance of a loss",
        "object_bytes": "size class of the object",
    }
    words |= {"pressure": "others' kmallocs and kfrees per message", "zeroed": "memory is zeroed when allocated"}
    sizes = [(f"{size} bytes", size) for size in (32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192)]
    sizes.append(("16384 bytes (large kmalloc)", 16384))
    live = partial(
        lives_by_delay, ack_delay=4, loss=0.05, pressure=1.0, object_bytes=32, kernel="6.1", messages=messages
    )
    ranges = {"ack_delay": (0, 63), "loss": (0.01, 0.5, 0.01), "pressure": (0, 16, 0.25)}
    return explore(live, labels=words, **ranges, object_bytes=sizes, kernel=KERNELS, zeroed=False)


def waiting_explorer():
    """Show what each answer holds until the ACK."""
    words = {"header_bytes": "header (bytes)", "segments_in_software": "segments are cut", "loopback": "receiver"}
    sizes = [("the caller's own", 0), ("128", 128), ("512", 512), ("2,048", 2048)]
    places = {
        "segments_in_software": [("by the card", False), ("in software", True)],
        "loopback": [("elsewhere", False), ("on this machine", True)],
    }
    callers = ["iscsi_tcp", "siw", "ceph_v1", "rds"]
    return explore(held_until_ack, labels=words, header_bytes=sizes, caller=callers, **places)


def pattern_explorer():
    """One message in the recorded patterns."""
    send = partial(observe, how="sendfile between", announce="MSG_MORE", acks_each_call=True)
    hows = ["one sendmsg", "three sendmsg", "sendfile between", "one splice"]
    sizes = [(f"{size:,} bytes", size) for size in (0, 512, 1024, 4096, 16384, 65536)]
    acks = [("after each call", True), ("after the message", False)]
    words = {"how": "sent by", "announce": "announced", "payload_bytes": "payload", "acks_each_call": "ACKs arrive"}
    bytes_ = {"header_bytes": (0, 512), "payload_bytes": sizes, "trailer_bytes": (0, 64)}
    choices = {"kernel": ["6.1", "6.12"], "mtu": [1500, 65536], "acks_each_call": acks, "nodelay": True}
    return explore(send, labels=words, how=hows, announce=["nothing", "MSG_MORE", "TCP_CORK"], **bytes_, **choices)


def records_explorer():
    """Show what a layer above TCP makes of a sender's flags."""

    def send(
        kernel="6.1",
        carry="MORE and NOTLAST",
        payload_pages=2,
        trailer_bytes=24,
        mtu=65536,
        nodelay=True,
        layer="tls_sw",
    ):
        own = sender(carry, trailer_bytes=trailer_bytes)
        message = {"payload_bytes": 4096 * payload_pages, "trailer_bytes": trailer_bytes}
        trace = trace_message(own, "piecewise", kernel, **message, mtu=mtu, nodelay=nodelay)
        above = records(layer, kernel, own.sends(kernel, *message.values()))
        return timeline((f"{kernel}, {layer} above", trace, above))

    words = {"carry": "calls carry", "mtu": "MTU (bytes)", "layer": "layer above TCP"}
    sizes = {"payload_pages": (1, 16), "trailer_bytes": (0, 64), "mtu": [65536, 1500]}
    return explore(
        send, labels=words, kernel=["6.1", "6.12"], carry=list(PATTERNS), **sizes, nodelay=True, layer=list(LAYERS)
    )
