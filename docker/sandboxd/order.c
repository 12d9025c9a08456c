#include "order.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"

#define POINT_BYTES 16

static void add(struct order *o, const uint8_t *point) {
  if (o->first.n < ORDER_KEPT * POINT_BYTES) {
    bytes_append(&o->first, point, POINT_BYTES);
    return;
  }
  if (!o->ring) o->ring = malloc(ORDER_KEPT * POINT_BYTES);
  if (!o->ring) _exit(70);
  memcpy(o->ring + o->ring_at * POINT_BYTES, point, POINT_BYTES);
  o->ring_at = (o->ring_at + 1) % ORDER_KEPT;
  if (o->ring_n < ORDER_KEPT) o->ring_n++;
}

void order_note(struct order *o, bool of_stderr, uint64_t stdout_bytes, uint64_t stderr_bytes) {
  uint8_t point[POINT_BYTES];
  put_u64(point, stdout_bytes);
  put_u64(point + 8, stderr_bytes);
  if (o->begun && o->of_stderr != of_stderr) add(o, point);
  o->begun = true;
  o->of_stderr = of_stderr;
}

void order_field(const struct order *o, struct bytes *frame, uint8_t tag) {
  struct bytes points = {0};
  size_t oldest = o->ring_n < ORDER_KEPT ? 0 : o->ring_at;
  bytes_append(&points, o->first.p, o->first.n);
  if (o->ring) {
    bytes_append(&points, o->ring + oldest * POINT_BYTES, (o->ring_n - oldest) * POINT_BYTES);
    bytes_append(&points, o->ring, oldest * POINT_BYTES);
  }
  frame_bytes(frame, tag, points.p, points.n);
  bytes_free(&points);
}

void order_free(struct order *o) {
  bytes_free(&o->first);
  free(o->ring);
  *o = (struct order){0};
}
