/* The order in which bytes of a call's two streams were read. */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/* Of more changes from one stream to the other than twice this, those in the middle are not kept. */
#define ORDER_KEPT 1024

/* A change is a point: how much of each stream had been read by then. The first ORDER_KEPT are in `first`, of the others
 * the last ORDER_KEPT in the ring. */
struct order {
  bool begun, of_stderr; /* the stream that was read last */
  struct bytes first;
  uint8_t *ring;
  size_t ring_n, ring_at; /* in points */
};

/* Bytes of one stream were read after so many bytes of each. */
void order_note(struct order *o, bool of_stderr, uint64_t stdout_bytes, uint64_t stderr_bytes);
/* Appends a field: per change, u64 bytes of stdout, u64 bytes of stderr. */
void order_field(const struct order *o, struct bytes *frame, uint8_t tag);
void order_free(struct order *o);

#endif
