/*
 * Pieces cut from blocks of 32 KiB, and objects of size classes: the allocators behind one pair of functions.
 */
#include "pages.h"

/* 32 KiB, or one page where memory is short of blocks. */
static int new_block(struct machine *m, struct cache *c)
{
	c->page = take_block(m, 3, FRAGMENT);
	if (c->page == NONE)
		c->page = take_block(m, 0, FRAGMENT);
	if (c->page == NONE)
		return 0;
	c->size = (int64_t)PAGE_BYTES << m->page[c->page].order;
	c->is_reserve = m->page[c->page].is_reserve;
	return 1;
}

/* A block whose count is 1 is nobody else's and starts again; the user moves the offset up by what he used. */
static int64_t cut_shared(struct machine *m, struct cache *c, int64_t size)
{
	m->refills++;
	if (c->page != NONE && m->page[c->page].count == 1) {
		c->offset = 0;
	} else if (c->page == NONE || c->offset + size > c->size) {
		if (c->page != NONE)
			put(m, c->page);
		m->new_blocks++;
		c->offset = 0;
		if (!new_block(m, c))
			return NONE;
	}

	int64_t address = c->page * PAGE_BYTES + c->offset;

	if (c->offset + size > c->size)
		return NONE;
	c->offset += size;
	get(m, c->page);
	return address;
}

/* All references are bought with the block; a used-up block whose pieces are all back starts again. */
static int has_room(struct machine *m, struct cache *c, int64_t size, int is_down)
{
	if (c->page != NONE) {
		struct page *head = &m->page[c->page];

		if (is_down ? c->offset >= size : c->offset + size <= c->size)
			return 1;
		if (!is_down && size > PAGE_BYTES)
			return 0;
		head->count -= (int32_t)c->bias;
		if (head->count == 0 && !c->is_reserve) {
			m->refurbished++;
			goto start;
		}
		if (head->count == 0)
			give_block(m, head);
	}
	if (!new_block(m, c))
		return 0;
start:
	m->page[c->page].count = BIAS + 1;
	c->bias = BIAS + 1;
	c->offset = is_down ? c->size : 0;
	return size <= c->size;
}

static int64_t cut_down(struct machine *m, struct cache *c, int64_t size, int64_t align)
{
	if (!has_room(m, c, size, 1))
		return NONE;
	c->bias--;
	c->offset = (c->offset - size) & -align;
	return c->page * PAGE_BYTES + c->offset;
}

static int64_t cut_up(struct machine *m, struct cache *c, int64_t size)
{
	if (!has_room(m, c, size, 0))
		return NONE;
	c->bias--;
	c->offset += size;
	return c->page * PAGE_BYTES + c->offset - size;
}

static const int64_t class_bytes[CLASSES] = { 8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192 };
static const int class_order[CLASSES] = { 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3 };

/* Last in, first out; a new slab hands out its lowest address first. */
static int64_t take_object(struct machine *m, int64_t size)
{
	int class = 0;

	while (class < CLASSES && class_bytes[class] < size)
		class++;
	if (class == CLASSES) {
		int order = 2;

		while ((int64_t)PAGE_BYTES << order < size)
			order++;

		int64_t head = take_block(m, order, LARGE);

		if (head == NONE)
			return NONE;
		m->kmallocs++;
		m->objects++;
		note(m, TAKE_OBJECT, head * PAGE_BYTES, size);
		return head * PAGE_BYTES;
	}
	if (m->free_object[class] == NONE) {
		int64_t head = take_block(m, class_order[class], SLAB);

		if (head == NONE)
			return NONE;
		m->page[head].size_class = (int8_t)class;
		for (int64_t i = ((int64_t)PAGE_BYTES << class_order[class]) / class_bytes[class] - 1; i >= 0; i--) {
			int64_t address = head * PAGE_BYTES + i * class_bytes[class];

			m->next_object[address / 8] = m->free_object[class];
			m->free_object[class] = address;
		}
	}

	int64_t address = m->free_object[class];

	m->free_object[class] = m->next_object[address / 8];
	m->next_object[address / 8] = 0;
	m->kmallocs++;
	m->objects++;
	note(m, TAKE_OBJECT, address, size);
	return address;
}

static void give_object(struct machine *m, int64_t address)
{
	struct page *head = &m->page[m->page[address / PAGE_BYTES].head];

	m->kfrees++;
	m->objects--;
	note(m, GIVE_OBJECT, address, 0);
	if (head->kind == LARGE) {
		if (m->large_is_frozen)
			give_block(m, head);
		else
			put(m, address / PAGE_BYTES);
		return;
	}

	int64_t *list = &m->free_object[head->size_class];

	m->next_object[address / 8] = *list;
	*list = address;
}

static int64_t take(struct machine *m, int64_t allocator, int64_t size)
{
	int64_t address;

	switch (allocator) {
	case DOWN:
		address = cut_down(m, &m->cache[DOWN], size, 1);
		break;
	case UP:
		address = cut_up(m, &m->cache[UP], size);
		break;
	case SK_FRAG:
		address = cut_shared(m, &m->cache[SK_FRAG], size);
		break;
	case V3:
		address = cut_down(m, &m->cache[V3], size ? size : 1, 64);
		break;
	case WHOLE_PAGE:
		address = take_block(m, 0, FRAGMENT);
		address = address == NONE ? NONE : address * PAGE_BYTES;
		break;
	default:
		return take_object(m, size);
	}
	if (address != NONE) {
		m->frag_allocs++;
		note(m, TAKE_PIECE, address, size);
	}
	return address;
}

static void give(struct machine *m, int64_t allocator, int64_t address)
{
	if (allocator == KMALLOC) {
		give_object(m, address);
	} else {
		m->frag_frees++;
		note(m, GIVE_PIECE, address, 0);
		put(m, address / PAGE_BYTES);
	}
}

static void start(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	m->next_page = 1;
	for (int i = 0; i < ORDERS; i++)
		m->free_block[i] = NONE;
	for (int i = 0; i < CLASSES; i++)
		m->free_object[i] = NONE;
	for (int i = 0; i < KMALLOC; i++)
		m->cache[i].page = NONE;
}
