#include "frames.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Polynomial of IEEE 802.3, reflected; eight bytes per step, so that a megabyte costs well under a millisecond. */
static uint32_t crc_table[8][256];

static void crc_prepare(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    crc_table[0][i] = c;
  }
  for (int t = 1; t < 8; t++)
    for (int i = 0; i < 256; i++)
      crc_table[t][i] = crc_table[t - 1][i] >> 8 ^ crc_table[0][crc_table[t - 1][i] & 0xff];
}

uint32_t crc32_of(const uint8_t *p, size_t n) {
  if (!crc_table[0][1]) crc_prepare();
  uint32_t c = 0xffffffffu;
  for (; n >= 8; n -= 8, p += 8) {
    c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    c = crc_table[7][c & 0xff] ^ crc_table[6][c >> 8 & 0xff] ^ crc_table[5][c >> 16 & 0xff] ^
        crc_table[4][c >> 24] ^ crc_table[3][p[4]] ^ crc_table[2][p[5]] ^ crc_table[1][p[6]] ^ crc_table[0][p[7]];
  }
  for (; n > 0; n--, p++) c = crc_table[0][(c ^ *p) & 0xff] ^ c >> 8;
  return ~c;
}

static size_t cobs_encode(const uint8_t *in, size_t n, uint8_t *out) {
  size_t at = 1, code_at = 0;
  uint8_t code = 1;
  for (size_t i = 0; i < n; i++) {
    if (in[i] != 0) {
      out[at++] = in[i];
      code++;
    }
    if (in[i] == 0 || (code == 0xff && i + 1 < n)) {
      out[code_at] = code;
      code = 1;
      code_at = at++;
    }
  }
  out[code_at] = code;
  return at;
}

/* In place, of text without 0x00. Returns the decoded length, or SIZE_MAX where the input is not COBS text. */
static size_t cobs_decode(uint8_t *p, size_t n) {
  size_t in = 0, out = 0;
  while (in < n) {
    uint8_t code = p[in++];
    if (code == 0 || (size_t)(code - 1) > n - in) return SIZE_MAX;
    memmove(p + out, p + in, code - 1u);
    in += code - 1u;
    out += code - 1u;
    if (code != 0xff && in < n) p[out++] = 0;
  }
  return out;
}

static bool parse(struct bytes *held, struct frame *out) {
  size_t n = cobs_decode(held->p, held->n);
  if (n == SIZE_MAX || n < FRAME_HEADER_BYTES || n > FRAME_MAX_BYTES) return false;
  const uint8_t *p = held->p;
  if (crc32_of(p + 4, n - 4) != get_u32(p)) return false;
  out->instance = p + 4;
  out->type = p[4 + INSTANCE_BYTES];
  out->call = get_u32(p + 5 + INSTANCE_BYTES);
  out->fields = (struct span){p + FRAME_HEADER_BYTES, n - FRAME_HEADER_BYTES};
  return true;
}

static void hold(struct decoder *d, const uint8_t *p, size_t n) {
  if (d->discarding) return;
  if (d->held.n + n <= ENCODED_MAX_BYTES) {
    bytes_append(&d->held, p, n);
    return;
  }
  d->discarding = true;
  bytes_free(&d->held);
}

/* Frees a large buffer, so that PID 1 stays small between large frames. */
static void clear(struct decoder *d) {
  d->held.n = 0;
  d->spent = false;
  if (d->held.cap > 65536) bytes_free(&d->held);
}

bool decoder_next(struct decoder *d, struct span *input, struct frame *out) {
  if (d->spent) clear(d);
  while (input->n > 0) {
    const uint8_t *end = memchr(input->p, 0, input->n);
    size_t n = end ? (size_t)(end - input->p) : input->n;
    hold(d, input->p, n);
    input->p += end ? n + 1 : n;
    input->n -= end ? n + 1 : n;
    if (!end) return false;
    bool discarded = d->discarding, empty = d->held.n == 0;
    d->discarding = false;
    if (empty && !discarded) continue;
    d->spent = !discarded && parse(&d->held, out);
    if (d->spent) return true;
    d->refused++;
    clear(d);
  }
  return false;
}

bool field_next(struct span *rest, uint8_t *tag, struct span *value) {
  if (rest->n < 5) return false;
  uint32_t n = get_u32(rest->p + 1);
  if (n > rest->n - 5) return false;
  *tag = rest->p[0];
  *value = (struct span){rest->p + 5, n};
  rest->p += 5 + n;
  rest->n -= 5 + n;
  return true;
}

bool field_number(struct span value, uint64_t *out) {
  if (value.n < 1 || value.n > 8) return false;
  *out = 0;
  for (size_t i = 0; i < value.n; i++) *out = *out << 8 | value.p[i];
  return true;
}

void frame_begin(struct bytes *b, const uint8_t *instance, uint8_t type, uint32_t call) {
  uint8_t head[FRAME_HEADER_BYTES] = {0};
  memcpy(head + 4, instance, INSTANCE_BYTES);
  head[4 + INSTANCE_BYTES] = type;
  put_u32(head + 5 + INSTANCE_BYTES, call);
  bytes_append(b, head, sizeof head);
}

void frame_bytes(struct bytes *b, uint8_t tag, const void *p, size_t n) {
  uint8_t head[5] = {tag};
  put_u32(head + 1, (uint32_t)n);
  bytes_append(b, head, sizeof head);
  bytes_append(b, p, n);
}

void frame_number(struct bytes *b, uint8_t tag, uint64_t value) {
  uint8_t number[8];
  put_u64(number, value);
  frame_bytes(b, tag, number, sizeof number);
}

struct bytes frame_seal(struct bytes *b) {
  put_u32(b->p, crc32_of(b->p + 4, b->n - 4));
  struct bytes out = {.cap = b->n + b->n / 254 + 3};
  out.p = malloc(out.cap);
  if (!out.p) _exit(70);
  out.n = cobs_encode(b->p, b->n, out.p);
  out.p[out.n++] = 0;
  bytes_free(b);
  return out;
}
