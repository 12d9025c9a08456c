/* Frames: COBS between 0x00 delimiters, a CRC-32 over the rest, then tagged fields. README.md has the byte form. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTANCE_BYTES 16
#define FRAME_HEADER_BYTES (4 + INSTANCE_BYTES + 1 + 4)
#define FRAME_MAX_BYTES (4u << 20)
/* COBS adds one byte per 254, and one. */
#define ENCODED_MAX_BYTES (FRAME_MAX_BYTES + FRAME_MAX_BYTES / 254 + 2)

struct bytes {
  uint8_t *p;
  size_t n, cap;
};

struct span {
  const uint8_t *p;
  size_t n;
};

struct frame {
  const uint8_t *instance;
  uint8_t type;
  uint32_t call;
  struct span fields;
};

/* Keeps at most ENCODED_MAX_BYTES; what is longer is discarded up to the next delimiter. */
struct decoder {
  struct bytes held;
  bool discarding;
  /* `held` is the frame handed out last. */
  bool spent;
  uint64_t refused;
};

/* Grow-only appends. Running out of memory ends the process: PID 1 cannot keep its promises without. */
void bytes_append(struct bytes *b, const void *p, size_t n);
void bytes_free(struct bytes *b);

uint32_t crc32_of(const uint8_t *p, size_t n);
size_t cobs_encode(const uint8_t *in, size_t n, uint8_t *out);
/* In place, of text without 0x00; returns the decoded length, or SIZE_MAX where the input is no COBS text. */
size_t cobs_decode(uint8_t *p, size_t n);

/* Consumes input up to and with the next whole good frame. The frame lives until the next call. */
bool decoder_next(struct decoder *d, struct span *input, struct frame *out);

/* Fields in order of appearance. False at the end or where the rest is malformed (then `rest->n` stays > 0). */
bool field_next(struct span *rest, uint8_t *tag, struct span *value);
/* Big-endian unsigned number of 1 to 8 bytes; other lengths give false. */
bool field_number(struct span value, uint64_t *out);

void frame_begin(struct bytes *b, const uint8_t *instance, uint8_t type, uint32_t call);
void frame_bytes(struct bytes *b, uint8_t tag, const void *p, size_t n);
void frame_number(struct bytes *b, uint8_t tag, uint64_t value);
/* Encodes with delimiter into fresh memory, and frees `b`. */
struct bytes frame_seal(struct bytes *b);

void put_u32(uint8_t *p, uint32_t v);
void put_u64(uint8_t *p, uint64_t v);

#endif
