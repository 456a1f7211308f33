/*
 * The send queue: one list of skbs, each of at most 17 fragments, and each fragment with a reference on its page.
 * From `read` on the receiver holds them, from `una` on they wait for an ACK, from `unsent` on to be sent.
 */
#include "allocators.h"

enum { SKBS = 4096, FRAGS = 17, SEGMENTS = 1024, PIECES = 512, ENDS = 64, SENT = 4096 };

/* Shows a page, or a slab object without any reference. */
struct fragment {
	int64_t page, offset, size, object;
};

struct skb {
	int64_t seq, size, truesize, frags, segments, mss, acked, next, prev;
	int64_t end_of_record, psh, delivered, zerocopy, pure_zerocopy;
	struct fragment frag[FRAGS];
};

struct segment {
	int64_t address, size;
};

struct piece {
	int64_t is_payload, size, address;
};

struct connection {
	struct machine m;
	int64_t mss, goal, half_window, nonagle, cwnd, cwnd_limited, max_in_flight, cwnd_used_seq, in_flight;
	int64_t write_seq, pushed_seq, una_seq, next_seq, small_seq, wmem, empty_truesize, grows_skbs;
	int64_t read, una, unsent, tail, free_skb;
	int64_t segments, segment_index, segment_offset, left;
	int64_t messages, pieces, message_bytes, allocator, ack_delay, unreached;
	int64_t slab_rule, copies_slab, receiver_is_local, lose;
	/* counted, besides what the machine counts */
	int64_t sends, calls, sent_bytes, spliced_bytes, frag_appends, new_skbs, push_calls, refused, short_sends;
	int64_t skbs, wire_segments, short_segments, pushes, frag_slots, wire_bytes, received_bytes, eio, exhausted;
	int64_t truesize_peak, pinned, pinned_peak, retransmits, transmitted;
	int64_t sent[SENT][3];
	struct piece piece[PIECES];
	struct segment segment[SEGMENTS];
	int64_t end[ENDS];
	struct skb skb[SKBS];
};

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void account(struct connection *c, struct skb *skb, int64_t size, int64_t truesize)
{
	skb->size += size;
	skb->truesize += truesize;
	c->wmem += truesize;
	c->truesize_peak = larger(c->truesize_peak, c->wmem);
}

/* A block counts as pinned while any queued fragment shows a part of it. */
static void pin(struct connection *c, int64_t page)
{
	struct page *head = &c->m.page[c->m.page[page].head];

	get(&c->m, page);
	if (++head->queued == 1) {
		c->pinned += (int64_t)PAGE_BYTES << head->order;
		c->pinned_peak = larger(c->pinned_peak, c->pinned);
	}
}

static void unpin(struct connection *c, int64_t page)
{
	struct page *head = &c->m.page[c->m.page[page].head];

	if (--head->queued == 0)
		c->pinned -= (int64_t)PAGE_BYTES << head->order;
	put(&c->m, page);
}

/* Bytes that go on where the last fragment ends, in the same page, need no slot of their own. */
static int append_fragment(struct connection *c, struct skb *skb, int64_t page, int64_t offset, int64_t size)
{
	struct fragment *last = &skb->frag[skb->frags - 1];

	if (skb->frags > 0 && last->page == page && last->offset + last->size == offset && !last->object && !skb->zerocopy) {
		last->size += size;
		return 1;
	}
	if (skb->frags >= FRAGS)
		return 0;
	skb->frag[skb->frags++] = (struct fragment){ page, offset, size, 0 };
	c->frag_slots++;
	pin(c, page);
	return 1;
}

static int64_t queue_tail(const struct connection *c)
{
	return c->unsent == NONE ? NONE : c->tail;
}

static int64_t queue_skb(struct connection *c)
{
	int64_t index = c->free_skb;

	if (index == NONE) {
		c->exhausted++;
		return NONE;
	}

	struct skb *skb = &c->skb[index];

	c->free_skb = skb->next;
	skb->seq = c->write_seq;
	skb->size = skb->truesize = skb->frags = skb->segments = skb->mss = skb->acked = 0;
	skb->end_of_record = skb->psh = skb->delivered = skb->zerocopy = skb->pure_zerocopy = 0;
	account(c, skb, 0, c->empty_truesize);
	skb->prev = c->tail;
	skb->next = NONE;
	if (c->tail != NONE)
		c->skb[c->tail].next = index;
	c->tail = index;
	if (c->unsent == NONE)
		c->unsent = index;
	if (c->una == NONE)
		c->una = index;
	if (c->read == NONE)
		c->read = index;
	c->new_skbs++;
	return index;
}

static void free_skb(struct connection *c, int64_t index)
{
	struct skb *skb = &c->skb[index];

	for (int64_t i = 0; i < skb->frags; i++) {
		if (skb->frag[i].object)
			c->unreached++;
		else
			unpin(c, skb->frag[i].page);
	}
	note(&c->m, FREE_SKB, index, skb->size);
	c->wmem -= skb->truesize;
	if (skb->prev != NONE)
		c->skb[skb->prev].next = skb->next;
	if (skb->next != NONE)
		c->skb[skb->next].prev = skb->prev;
	if (c->tail == index)
		c->tail = skb->prev;
	if (c->unsent == index)
		c->unsent = skb->next;
	if (c->una == index)
		c->una = skb->next;
	if (c->read == index)
		c->read = skb->next;
	skb->next = c->free_skb;
	c->free_skb = index;
}
