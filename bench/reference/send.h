/*
 * The send call: bytes are attached by reference to the last unsent skb, or to a new one, and leave as PSH, Nagle, cork
 * and window allow. The switches of the model are looked at as there, but what this message never meets (cutting an
 * skb, filling it from the next one, slab memory, loss) only counts as `unreached`.
 */
#include "queue.h"

enum { MORE = 0x8000, SPLICE_PAGES = 1 << 27, NAGLE_OFF = 1, CORKED = 2, PUSH_NOW = 4 };
enum { BATCH_PAGES = 8, GSO_BYTES = 65215, EIO = 5, NO_MEMORY = 12, FULL = 90, BACKLOG_SKBS = 16 };

static void add_segment(struct connection *c, int64_t address, int64_t size)
{
	if (c->segments == SEGMENTS) {
		c->exhausted++;
	} else if (size > 0) {
		c->segment[c->segments++] = (struct segment){ address, size };
		c->left += size;
	}
}

/* At most so many pages of the current segment. */
static struct segment take_segment(struct connection *c, int64_t size, int64_t pages)
{
	while (c->segment_offset == c->segment[c->segment_index].size) {
		c->segment_index++;
		c->segment_offset = 0;
	}

	const struct segment *s = &c->segment[c->segment_index];
	int64_t address = s->address + c->segment_offset;

	size = smaller(size, s->size - c->segment_offset);
	size = smaller(size, pages * PAGE_BYTES - (address & (PAGE_BYTES - 1)));
	c->segment_offset += size;
	c->left -= size;
	return (struct segment){ address, size };
}

static int attach(struct connection *c, struct skb *skb, struct segment part, int64_t seq)
{
	int64_t page = part.address / PAGE_BYTES;
	const struct page *head = &c->m.page[c->m.page[page].head];

	if (head->kind == SLAB && (c->slab_rule || c->copies_slab))
		c->unreached++;
	if (head->kind == SLAB || head->count < 1)
		return -EIO;
	c->frag_appends++;
	if (!append_fragment(c, skb, page, part.address & (PAGE_BYTES - 1), part.size))
		return -FULL;
	note(&c->m, SPLICE, seq, part.size);
	return 0;
}

/* What found no slot goes back; after -EIO it does not. */
static int64_t append(struct connection *c, struct skb *skb, int64_t size)
{
	int64_t spliced = 0;
	int error = 0;

	skb->pure_zerocopy = 0;
	while (c->left > 0 && spliced < size && !error) {
		int64_t pages = smaller(larger(FRAGS - skb->frags, 1), BATCH_PAGES);
		struct segment batch = take_segment(c, size - spliced, pages);

		while (batch.size > 0) {
			int64_t rest = PAGE_BYTES - (batch.address & (PAGE_BYTES - 1));
			struct segment part = { batch.address, smaller(batch.size, rest) };

			error = attach(c, skb, part, c->write_seq + spliced);
			if (error) {
				c->segment_offset -= error == -EIO ? 0 : batch.size;
				c->left += error == -EIO ? 0 : batch.size;
				break;
			}
			batch.address += part.size;
			batch.size -= part.size;
			spliced += part.size;
		}
	}
	c->spliced_bytes += spliced;
	c->eio += error == -EIO;
	account(c, skb, spliced, spliced);
	return spliced > 0 ? spliced : error;
}

static void transmit(struct connection *c, int64_t index, int64_t mss)
{
	struct skb *skb = &c->skb[index];

	skb->mss = mss;
	skb->segments = (skb->size + mss - 1) / mss;
	c->unreached += c->receiver_is_local || c->slab_rule;
	c->unsent = skb->next;
	c->next_seq = skb->seq + skb->size;
	c->in_flight += skb->segments;
	c->skbs++;
	c->wire_segments += skb->segments;
	c->pushes += skb->psh;
	c->wire_bytes += skb->size;
	if (skb->size < skb->segments * mss) {
		c->small_seq = c->next_seq;
		c->short_segments++;
	}
	if (c->transmitted < SENT)
		memcpy(c->sent[c->transmitted], (int64_t[]){ skb->size, skb->truesize, skb->frags }, sizeof(*c->sent));
	c->transmitted++;
	if (c->lose > 0) {
		c->lose--;
		return;
	}
	note(&c->m, TRANSMIT, index, skb->size);
	skb->delivered = 1;
	c->received_bytes += skb->size;
}

static int is_held(const struct connection *c, int is_partial, int64_t nonagle)
{
	int is_small_out = c->una_seq < c->small_seq && c->small_seq <= c->next_seq;

	return is_partial && ((nonagle & CORKED) || (!nonagle && c->in_flight > 0 && is_small_out));
}

/* With all slots taken, the most that may be longer is the last fragment, so an skb of more than one stays whole. */
static void fill_from_next(struct connection *c, const struct skb *skb, int64_t room)
{
	if (skb->next == NONE || skb->end_of_record || c->skb[skb->next].size == 0)
		return;
	c->unreached += skb->frags < FRAGS || c->skb[skb->next].frags < 2 || room < c->skb[skb->next].size;
}

static void write_out(struct connection *c, int64_t mss, int64_t nonagle, int is_one)
{
	int has_sent = 0;

	while (c->unsent != NONE) {
		struct skb *skb = &c->skb[c->unsent];
		int64_t quota = smaller(larger(c->cwnd >> 1, 1), c->cwnd - c->in_flight);

		quota = smaller(quota, larger(GSO_BYTES / mss, 2));
		if (quota <= 0 || skb->size == 0)
			break;
		if (c->grows_skbs && quota * mss > skb->size)
			fill_from_next(c, skb, quota * mss - skb->size);
		if (skb->size <= mss) {
			if (skb->next == NONE && !(nonagle & PUSH_NOW) && is_held(c, skb->size < mss, nonagle))
				break;
		} else {
			c->unreached++;
		}
		transmit(c, c->unsent, mss);
		has_sent = 1;
		if (is_one)
			break;
	}

	int is_limited = c->in_flight >= c->cwnd, is_peak = !c->cwnd_limited && c->in_flight > c->max_in_flight;

	if (is_limited || (has_sent && (c->una_seq >= c->cwnd_used_seq || is_peak))) {
		c->cwnd_limited = is_limited;
		c->max_in_flight = c->in_flight;
		c->cwnd_used_seq = c->next_seq;
	}
}

static int is_push_due(const struct connection *c)
{
	return c->write_seq > c->pushed_seq + c->half_window;
}

static void mark_push(struct connection *c, struct skb *skb)
{
	skb->psh = 1;
	c->pushed_seq = c->write_seq;
}

static int64_t send_message(struct connection *c, int64_t flags)
{
	int64_t sent = 0, index, taken;

	c->sends++;
	c->calls++;
	c->sent_bytes += c->left;
	note(&c->m, CALL, flags, c->left);
	while (c->left > 0) {
		int64_t room = 0;

		index = queue_tail(c);
		if (index != NONE && !c->skb[index].end_of_record)
			room = larger(c->goal - c->skb[index].size, 0);
		taken = room > 0 ? append(c, &c->skb[index], smaller(room, c->left)) : -FULL;
		if (taken == -FULL) {
			if (room > 0)
				mark_push(c, &c->skb[index]);
			index = queue_skb(c);
			taken = index == NONE ? -NO_MEMORY : append(c, &c->skb[index], smaller(c->goal, c->left));
		}
		if (taken < 0) {
			sent = sent > 0 ? sent : taken;
			break;
		}
		c->write_seq += taken;
		if (sent == 0)
			c->skb[index].psh = 0;
		sent += taken;
		if (c->left > 0 && c->skb[index].size >= c->goal) {
			if (is_push_due(c)) {
				mark_push(c, &c->skb[index]);
				write_out(c, c->mss, PUSH_NOW, 0);
			} else if (index == c->unsent) {
				write_out(c, c->mss, PUSH_NOW, 1);
			}
		}
	}
	index = queue_tail(c);
	if (index != NONE && c->skb[index].size == 0)
		free_skb(c, index);
	if (sent > 0) {
		c->push_calls++;
		note(&c->m, PUSH, flags, c->write_seq);
		index = queue_tail(c);
		if (index != NONE) {
			if (!(flags & MORE) || is_push_due(c))
				mark_push(c, &c->skb[index]);
			write_out(c, c->mss, flags & MORE ? CORKED : c->nonagle, 0);
		}
	}
	return sent;
}
