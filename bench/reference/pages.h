/*
 * Pages with a count on the head of their block. As in the model, events are counted and can be logged, and pages are
 * numbered from 1 in naturally aligned blocks, so that addresses compare.
 */
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { PAGE_BYTES = 4096, PAGES = 4096, ORDERS = 11, BIAS = 32768, NONE = -1, CLASSES = 13, EVENTS = 4096 };
enum { FREE, FRAGMENT, SLAB, LARGE, PAGE_CACHE };
enum { TAKE_OBJECT, GIVE_OBJECT, TAKE_PIECE, GIVE_PIECE, CALL, SPLICE, PUSH, TRANSMIT, ACK, FREE_SKB };
enum { DOWN, UP, SK_FRAG, V3, WHOLE_PAGE, KMALLOC };

struct page {
	int32_t count, head, next, queued;
	int8_t order, kind, size_class, is_reserve;
};

struct cache {
	int64_t page, offset, size, bias, is_reserve;
};

struct machine {
	int64_t next_page, slab_is_frozen, large_is_frozen, no_large_blocks, from_reserves, is_logging, events;
	int64_t frag_allocs, frag_frees, kmallocs, kfrees, objects, gets, puts, double_puts;
	int64_t new_pages, pages_in_use, refills, new_blocks, refurbished;
	int64_t free_block[ORDERS], free_object[CLASSES];
	struct cache cache[KMALLOC];
	struct page page[PAGES];
	int64_t next_object[PAGES * (PAGE_BYTES / 8)];
	int64_t event[EVENTS][3];
};

static void note(struct machine *m, int64_t kind, int64_t address, int64_t size)
{
	if (m->is_logging && m->events < EVENTS) {
		int64_t *event = m->event[m->events++];

		event[0] = kind;
		event[1] = address;
		event[2] = size;
	}
}

static int is_frozen(const struct machine *m, int kind)
{
	return (kind == SLAB && m->slab_is_frozen) || (kind == LARGE && m->large_is_frozen);
}

static int64_t take_block(struct machine *m, int order, int kind)
{
	int64_t pages = 1 << order, head = m->free_block[order];

	if (order > 0 && m->no_large_blocks)
		return NONE;
	if (head != NONE) {
		m->free_block[order] = m->page[head].next;
	} else {
		head = (m->next_page + pages - 1) & -pages;
		if (head + pages > PAGES)
			return NONE;
		m->next_page = head + pages;
		for (int64_t i = head; i < head + pages; i++)
			m->page[i].head = (int32_t)head;
	}
	m->page[head].order = (int8_t)order;
	m->page[head].kind = (int8_t)kind;
	m->page[head].queued = 0;
	m->page[head].is_reserve = (int8_t)m->from_reserves;
	m->page[head].count = !is_frozen(m, kind);
	m->new_pages += pages;
	m->pages_in_use += pages;
	return head;
}

static void give_block(struct machine *m, struct page *head)
{
	int64_t *list = &m->free_block[head->order];

	head->kind = FREE;
	head->next = (int32_t)*list;
	*list = head - m->page;
	m->pages_in_use -= 1 << head->order;
}

/* Blocks without a count are neither taken nor dropped by reference. */
static void get(struct machine *m, int64_t page)
{
	struct page *head = &m->page[m->page[page].head];

	if (is_frozen(m, head->kind))
		return;
	m->gets++;
	head->count++;
}

static void put(struct machine *m, int64_t page)
{
	struct page *head = &m->page[m->page[page].head];

	if (is_frozen(m, head->kind))
		return;
	if (head->count <= 0) {
		m->double_puts++;
		return;
	}
	m->puts++;
	if (--head->count == 0)
		give_block(m, head);
}
