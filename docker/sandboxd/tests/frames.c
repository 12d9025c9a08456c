#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "tests.h"

static const uint8_t instance[INSTANCE_BYTES] = {1, 0, 2, 0, 0, 255};
static uint32_t seed = 1;

static uint32_t chance(uint32_t below) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % below;
}

static struct bytes frame_of(size_t n, bool zeros) {
  struct bytes frame = {0};
  uint8_t *value = malloc(n + 1);
  for (size_t i = 0; i < n; i++) value[i] = (uint8_t)(zeros ? chance(3) : 1 + chance(255));
  frame_begin(&frame, instance, 2, (uint32_t)n);
  frame_bytes(&frame, 5, value, n);
  free(value);
  return frame_seal(&frame);
}

static size_t count_frames(struct decoder *d, const uint8_t *p, size_t n, size_t piece) {
  size_t count = 0;
  for (size_t at = 0; at < n; at += piece) {
    struct span input = {p + at, n - at < piece ? n - at : piece};
    struct frame frame;
    while (decoder_next(d, &input, &frame)) {
      count++;
      assert(memcmp(frame.instance, instance, sizeof instance) == 0 && frame.type == 2);
    }
  }
  return count;
}

static void frames_come_back_however_they_are_cut(void) {
  static const size_t sizes[] = {0, 1, 220, 221, 222, 223, 224, 225, 226, 480, 1000, 70000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int zeros = 0; zeros < 2; zeros++) {
      struct bytes sealed = frame_of(sizes[i], zeros);
      assert(memchr(sealed.p, 0, sealed.n) == sealed.p + sealed.n - 1);
      for (size_t piece = 1; piece <= sealed.n; piece = piece * 3 + 1) {
        struct decoder d = {0};
        assert(count_frames(&d, sealed.p, sealed.n, piece) == 1 && d.refused == 0);
        bytes_free(&d.held);
      }
      bytes_free(&sealed);
    }
  }
}

static void a_lost_or_changed_byte_costs_one_frame(void) {
  struct bytes good = frame_of(60, true);
  for (size_t at = 0; at + 1 < good.n; at++) {
    struct bytes stream = {0};
    struct decoder d = {0};
    bytes_append(&stream, good.p, good.n);
    stream.p[at] ^= (uint8_t)(1 + chance(255));
    bytes_append(&stream, good.p, good.n);
    assert(count_frames(&d, stream.p, stream.n, 7) == 1 && d.refused >= 1);
    memmove(stream.p + at, stream.p + at + 1, stream.n - at - 1);
    stream.n--;
    assert(count_frames(&d, stream.p, stream.n, 7) == 1);
    bytes_free(&stream);
    bytes_free(&d.held);
  }
  bytes_free(&good);
}

static void endless_text_is_not_held(void) {
  static uint8_t chunk[65536];
  struct decoder d = {0};
  struct bytes good = frame_of(10, false);
  memset(chunk, 7, sizeof chunk);
  for (int i = 0; i < 200; i++) {
    assert(count_frames(&d, chunk, sizeof chunk, sizeof chunk) == 0);
    assert(d.held.cap <= 2 * ENCODED_MAX_BYTES);
  }
  assert(d.discarding && count_frames(&d, (const uint8_t *)"", 1, 1) == 0 && d.refused == 1);
  assert(count_frames(&d, good.p, good.n, 3) == 1);
  bytes_free(&d.held);
  bytes_free(&good);
}

static void fields_are_checked(void) {
  static const uint8_t cut[] = {1, 0, 0, 0, 9, 1, 2};
  struct span rest = {cut, sizeof cut}, value;
  uint8_t tag;
  uint64_t number;
  assert(!field_next(&rest, &tag, &value) && rest.n == sizeof cut);
  assert(!field_number((struct span){cut, 0}, &number));
  assert(field_number((struct span){cut, 7}, &number) && number == 0x01000000090102);
  static const uint8_t nine[9] = {0};
  assert(!field_number((struct span){nine, 9}, &number));
}

void test_frames(void) {
  frames_come_back_however_they_are_cut();
  a_lost_or_changed_byte_costs_one_frame();
  endless_text_is_not_held();
  fields_are_checked();
}
