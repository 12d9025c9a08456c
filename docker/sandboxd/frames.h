/* Frames: COBS between 0x00 delimiters, a CRC-32 over the rest, then tagged fields. README.md has the byte form. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "protocol.h"

#define FRAME_HEADER_BYTES (4 + INSTANCE_BYTES + 1 + 4)
/* COBS adds one byte per 254, and one. */
#define ENCODED_MAX_BYTES (FRAME_MAX_BYTES + FRAME_MAX_BYTES / 254 + 2)

struct frame {
  const uint8_t *instance;
  uint8_t type;
  uint32_t call;
  struct span fields;
};

/* Keeps at most ENCODED_MAX_BYTES. Longer text is discarded up to the next delimiter and counted as refused. */
struct decoder {
  struct bytes held;
  bool discarding;
  bool spent; /* `held` is the frame that was returned last */
  uint64_t refused;
};

uint32_t crc32_of(const uint8_t *p, size_t n);

/* Consumes input up to and including the next valid frame. The frame is valid until the next call. */
bool decoder_next(struct decoder *d, struct span *input, struct frame *out);

/* The next field, in order of appearance. False at the end, or where the rest is malformed (then `rest->n` stays > 0). */
bool field_next(struct span *rest, uint8_t *tag, struct span *value);
/* Reads a big-endian unsigned number of 1 to 8 bytes. False for other lengths. */
bool field_number(struct span value, uint64_t *out);

void frame_begin(struct bytes *b, const uint8_t *instance, uint8_t type, uint32_t call);
void frame_bytes(struct bytes *b, uint8_t tag, const void *p, size_t n);
void frame_number(struct bytes *b, uint8_t tag, uint64_t value);
/* Encodes into new memory, delimiter included, and frees `b`. */
struct bytes frame_seal(struct bytes *b);

#endif
