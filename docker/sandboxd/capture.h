/* The output streams of calls. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "sha256.h"

/* One stream: all of it is counted and hashed, at most `keep` bytes of it are kept, half from the beginning and half from
 * the end. */
struct capture {
  int fd; /* -1: at its end, or given to the drain */
  uint64_t total, keep;
  struct bytes head;
  uint8_t *ring;
  size_t ring_cap, ring_n, ring_at;
  struct sha256 sha;
};

/* Makes the pipe. Returns the writing end, or -1. */
int capture_open(struct capture *c, uint64_t keep);
/* Reads once. False at the end of the stream, which closes it. */
bool capture_read(struct capture *c);
/* Appends a field: u64 total, 32 bytes SHA-256, u32 length of the head, head, tail. */
void capture_field(struct capture *c, struct bytes *frame, uint8_t tag);
void capture_free(struct capture *c);

/* Reads and drops what others still write to the stream of a finished call, so that no background process gets SIGPIPE.
 * Of more than 64 such pipes the oldest is closed. */
void capture_drain(struct capture *c);
/* False where the descriptor belongs to no drained pipe. */
bool drain_ready(int fd);

#endif
