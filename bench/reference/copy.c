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
