#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
  uint32_t state[8];
  uint64_t total;
  uint8_t block[64];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const uint8_t *p, size_t n);
/* Of a copy, so that the stream may go on. */
void sha256_digest(const struct sha256 *s, uint8_t out[32]);

#endif
