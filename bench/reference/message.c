/*
 * One whole message, count-only: the caller builds header and trailer in page fragments, sends them with its pages in
 * one call, drops its own references; an ACK, some messages later, frees what was sent.
 */
#include "send.h"

static void push_pending(struct connection *c)
{
	if (c->unsent != NONE)
		write_out(c, c->mss, c->nonagle, 0);
}

/* All that an ACK covers has been read, too: only now do its pages lose their references. */
static void acknowledge(struct connection *c, int64_t seq)
{
	int64_t acked = 0;

	c->una_seq = larger(c->una_seq, smaller(seq, c->next_seq));
	note(&c->m, ACK, c->una_seq, 0);
	while (c->una != c->unsent) {
		struct skb *skb = &c->skb[c->una];
		int64_t covered = c->una_seq - skb->seq;

		if (covered < skb->size) {
			if (covered > skb->acked && skb->segments > 1) {
				int64_t left = (skb->size - covered + skb->mss - 1) / skb->mss;

				acked += skb->segments - left;
				skb->segments = left;
				skb->acked = covered;
			}
			break;
		}
		acked += skb->segments;
		c->una = skb->next;
	}
	c->in_flight -= acked;
	if (c->cwnd_limited || c->cwnd < 2 * c->max_in_flight)
		c->cwnd += acked;
	while (c->read != c->una)
		free_skb(c, c->read);
	push_pending(c);
}

static void retransmit(struct connection *c, int64_t seq)
{
	for (int64_t i = c->una; i != c->unsent && c->skb[i].seq < seq; i = c->skb[i].next) {
		if (c->skb[i].delivered)
			continue;
		note(&c->m, TRANSMIT, i, c->skb[i].size);
		c->skb[i].delivered = 1;
		c->received_bytes += c->skb[i].size;
		c->retransmits++;
	}
}

static void one_message(struct connection *c)
{
	int64_t first = c->write_seq, sent;

	c->messages++;
	c->segments = c->segment_index = c->segment_offset = c->left = 0;
	for (int64_t i = 0; i < c->pieces; i++) {
		struct piece *piece = &c->piece[i];

		if (!piece->is_payload)
			piece->address = take(&c->m, c->allocator, piece->size);
		add_segment(c, piece->address, piece->size);
	}
	sent = send_message(c, SPLICE_PAGES);
	for (int64_t i = 0; i < c->pieces; i++)
		if (!c->piece[i].is_payload)
			give(&c->m, c->allocator, c->piece[i].address);
	c->refused += sent < 0;
	c->short_sends += sent >= 0 && c->write_seq - first < c->message_bytes;
	c->end[c->messages % ENDS] = c->write_seq;
	if (c->messages > c->ack_delay) {
		int64_t seq = c->end[(c->messages - c->ack_delay) % ENDS];

		retransmit(c, seq);
		acknowledge(c, seq);
	}
}

EXPORT int connection_bytes(void)
{
	return sizeof(struct connection);
}

/* Sizes in bytes. A payload piece stays in one block for all messages; the others have an object that stays unused. */
EXPORT void start_connection(struct connection *c, const int64_t *sizes, const int64_t *is_payload, int64_t pieces,
			     int64_t mss, int64_t empty_truesize, int64_t allocator)
{
	memset(c, 0, sizeof(*c));
	start(&c->m);
	c->mss = c->goal = c->half_window = mss;
	c->nonagle = NAGLE_OFF;
	c->cwnd = 1 << 20;
	c->empty_truesize = empty_truesize;
	c->grows_skbs = c->copies_slab = 1;
	c->read = c->una = c->unsent = c->tail = NONE;
	for (int64_t i = 0; i < SKBS; i++)
		c->skb[i].next = i + 1 < SKBS ? i + 1 : NONE;
	c->allocator = allocator;
	c->pieces = pieces;
	for (int64_t i = 0; i < pieces; i++) {
		int order = 0;

		while ((int64_t)PAGE_BYTES << order < sizes[i])
			order++;
		c->piece[i].size = sizes[i];
		c->piece[i].is_payload = is_payload[i];
		if (is_payload[i])
			c->piece[i].address = take_block(&c->m, order, PAGE_CACHE) * PAGE_BYTES;
		else
			take_object(&c->m, sizes[i]);
		c->message_bytes += sizes[i];
	}
}

/* Return all counters in one number, as the kernel's loop does: what happened in these messages, and what is held. */
EXPORT uint64_t message_loop(struct connection *c, int64_t iterations)
{
	const struct machine *m = &c->m;

	for (int64_t i = 0; i < iterations; i++)
		one_message(c);

	const int64_t counted[] = {
		c->sends, c->calls, c->sent_bytes, c->spliced_bytes, c->frag_appends, c->new_skbs, c->push_calls,
		c->skbs, c->wire_segments, c->short_segments, c->pushes, c->frag_slots, c->wire_bytes, c->received_bytes,
		c->retransmits, c->eio, c->refused, c->short_sends, m->frag_allocs, m->frag_frees, m->refurbished,
		m->refills, m->new_blocks, m->kmallocs, m->kfrees, m->new_pages, m->gets, m->puts, c->truesize_peak,
		c->pinned_peak, c->pinned, m->pages_in_use, m->objects, m->double_puts, c->exhausted + c->unreached,
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++)
		sum = sum * 31 + (uint64_t)counted[i];
	return sum;
}
