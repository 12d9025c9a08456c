/* Growing memory, big-endian numbers, strings and files in memory. Running out of memory ends the process (status 70):
 * without memory PID 1 can neither report nor clean up. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
  uint8_t *p;
  size_t n, cap;
};

/* Does not own its memory. */
struct span {
  const uint8_t *p;
  size_t n;
};

void bytes_append(struct bytes *b, const void *p, size_t n);
void bytes_append_u32(struct bytes *b, uint32_t value);
void bytes_append_u64(struct bytes *b, uint64_t value);
void bytes_free(struct bytes *b);

void put_u32(uint8_t *p, uint32_t value);
void put_u64(uint8_t *p, uint64_t value);
uint32_t get_u32(const uint8_t *p);

/* A copy that ends with NUL; to be freed. */
char *span_string(struct span s);
/* A file in memory that holds the bytes, its offset at 0; -1 where there is none to be had. */
int memory_file(const void *p, size_t n);

#endif
