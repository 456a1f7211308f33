/*
 * What the kernels are held against: the same rules in plain C, each in a loop that is entered once per sample.
 * Every loop returns a checksum of its results and changes its source every time, so that no compiler can drop
 * or hoist its work. Byte order: little-endian, as numba's machines are.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t *restrict target_t;
typedef const uint8_t *restrict source_t;

#define EXPORT __attribute__((visibility("default")))

/* RFC 1071: sum 16-bit words with end-around carry. Wider words may be added first and folded at the end. */
static uint32_t copy_checksum(target_t dst, source_t src, size_t size)
{
	uint64_t words = 0, highs = 0, rest = 0;
	size_t i = 0;

	for (; i + 8 <= size; i += 8) {
		uint64_t word;

		memcpy(&word, src + i, 8);
		memcpy(dst + i, &word, 8);
		words += word;
		highs += word >> 32;
	}
	for (unsigned int shift = 0; i < size; i++, shift += 8) {
		dst[i] = src[i];
		rest |= (uint64_t)src[i] << shift;
	}
	words += rest;
	highs += rest >> 32;

	uint64_t sum = words - (highs << 32) + highs;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return __builtin_bswap16((uint16_t)sum);
}

static int64_t gather(target_t dst, source_t src, const int64_t *offsets, const int64_t *sizes, int64_t count)
{
	int64_t copied = 0;

	for (int64_t i = 0; i < count; i++) {
		memcpy(dst + copied, src + offsets[i], (size_t)sizes[i]);
		copied += sizes[i];
	}
	return copied;
}

/* A hot source: four neighbouring lines in turn. */
EXPORT uint64_t copy_loop(uint8_t *dst, const uint8_t *src, int64_t size, int64_t iterations)
{
	for (int64_t i = 0; i < iterations; i++)
		memcpy(dst, src + (i & 3) * 64, (size_t)size);
	return (uint64_t)dst[0] + dst[size - 1];
}

/*
 * Operation i reads from places[i & mask]: four neighbouring lines are a hot source, a shuffled arena a cold one. A call
 * goes on where the one before, of either side, ended: what was just read is not cold.
 */
EXPORT uint64_t checksum_loop(uint8_t *dst, const uint8_t *src, int64_t size, const int64_t *places, int64_t mask,
			      int64_t *cursor, int64_t iterations)
{
	uint64_t sum = 0;
	int64_t start = *cursor;

	for (int64_t i = start; i < start + iterations; i++)
		sum += copy_checksum(dst, src + places[i & mask], (size_t)size);
	*cursor = start + iterations;
	return sum;
}

/* Message i takes its `count` offsets from row i of a table of mask + 1 rows; one row is a hot source. */
EXPORT uint64_t gather_loop(uint8_t *dst, const uint8_t *src, const int64_t *offsets, const int64_t *sizes, int64_t count,
			    int64_t mask, int64_t *cursor, int64_t iterations)
{
	uint64_t sum = 0;
	int64_t start = *cursor;

	for (int64_t i = start; i < start + iterations; i++) {
		sum += (uint64_t)gather(dst, src, offsets + (i & mask) * count, sizes, count);
		sum += dst[i & 15];
	}
	*cursor = start + iterations;
	return sum;
}

/*
 * The allocators: pages with a count on the head of their block, and pieces cut from blocks of 32 KiB. As in the
 * model, events are counted and can be logged, and pages are numbered from 1 in naturally aligned blocks, so that addresses compare.
 */
enum { PAGE_BYTES = 4096, PAGES = 4096, ORDERS = 11, BIAS = 32768, NONE = -1, CLASSES = 13, EVENTS = 4096 };
enum { FREE, FRAGMENT, SLAB, LARGE };
enum { TAKE_OBJECT, GIVE_OBJECT, TAKE_PIECE, GIVE_PIECE };
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
	}
	for (int64_t i = head; i < head + pages; i++)
		m->page[i].head = (int32_t)head;
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

EXPORT int machine_bytes(void)
{
	return sizeof(struct machine);
}

EXPORT void start_machine(struct machine *m)
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

EXPORT uint64_t alloc_loop(struct machine *m, int64_t allocator, int64_t size, int64_t iterations)
{
	uint64_t sum = 0;

	for (int64_t i = 0; i < iterations; i++) {
		int64_t address = take(m, allocator, size);

		sum += (uint64_t)address;
		give(m, allocator, address);
	}
	return sum;
}
