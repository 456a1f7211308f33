/* Each allocator in a loop that allocates and frees. */
#include "allocators.h"

EXPORT int machine_bytes(void)
{
	return sizeof(struct machine);
}

EXPORT void start_machine(struct machine *m)
{
	start(m);
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
