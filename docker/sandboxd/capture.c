#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"
#include "watch.h"

#define DRAINS_MAX 64
static uint8_t chunk[65536];
static int drains[DRAINS_MAX];
static int drain_count;

int capture_open(struct capture *c, uint64_t keep) {
  int ends[2];
  *c = (struct capture){.fd = -1, .keep = keep};
  sha256_begin(&c->sha);
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  c->fd = ends[0];
  watch(c->fd);
  return ends[1];
}

static void keep_tail(struct capture *c, const uint8_t *p, size_t n) {
  if (!c->ring && n > 0) {
    c->ring_cap = (size_t)(c->keep - c->keep / 2);
    c->ring = c->ring_cap ? malloc(c->ring_cap) : NULL;
    if (!c->ring) return;
  }
  if (n > c->ring_cap) {
    p += n - c->ring_cap;
    n = c->ring_cap;
  }
  size_t first = n < c->ring_cap - c->ring_at ? n : c->ring_cap - c->ring_at;
  if (n == 0) return;
  memcpy(c->ring + c->ring_at, p, first);
  memcpy(c->ring, p + first, n - first);
  c->ring_at = (c->ring_at + n) % c->ring_cap;
  c->ring_n = c->ring_n + n < c->ring_cap ? c->ring_n + n : c->ring_cap;
}

static void take(struct capture *c, const uint8_t *p, size_t n) {
  size_t half = (size_t)(c->keep / 2), head = 0;
  sha256_add(&c->sha, p, n);
  c->total += n;
  if (c->head.n < half) {
    head = n < half - c->head.n ? n : half - c->head.n;
    bytes_append(&c->head, p, head);
  }
  keep_tail(c, p + head, n - head);
}

bool capture_read(struct capture *c) {
  ssize_t n = read(c->fd, chunk, sizeof chunk);
  if (n > 0) take(c, chunk, (size_t)n);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  unwatch_close(&c->fd);
  return false;
}

static void append_ring(struct capture *c, struct bytes *to) {
  if (c->ring_n < c->ring_cap) {
    bytes_append(to, c->ring, c->ring_n);
    return;
  }
  bytes_append(to, c->ring + c->ring_at, c->ring_cap - c->ring_at);
  bytes_append(to, c->ring, c->ring_at);
}

void capture_field(struct capture *c, struct bytes *frame, uint8_t tag) {
  struct bytes text = {0};
  uint8_t head[44];
  bool whole = c->total <= c->keep;
  put_u64(head, c->total);
  sha256_digest(&c->sha, head + 8);
  put_u32(head + 40, (uint32_t)(whole ? c->total : c->head.n));
  bytes_append(&text, head, sizeof head);
  bytes_append(&text, c->head.p, c->head.n);
  if (c->ring) append_ring(c, &text);
  frame_bytes(frame, tag, text.p, text.n);
  bytes_free(&text);
}

void capture_free(struct capture *c) {
  unwatch_close(&c->fd);
  bytes_free(&c->head);
  free(c->ring);
  c->ring = NULL;
}

void capture_drain(struct capture *c) {
  if (c->fd < 0) return;
  if (drain_count == DRAINS_MAX) {
    unwatch_close(&drains[0]);
    memmove(drains, drains + 1, sizeof drains[0] * (size_t)--drain_count);
  }
  drains[drain_count++] = c->fd;
  c->fd = -1;
}

bool drain_ready(int fd) {
  int i = 0;
  while (i < drain_count && drains[i] != fd) i++;
  if (i == drain_count) return false;
  ssize_t n = read(fd, chunk, sizeof chunk);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  unwatch_close(&drains[i]);
  drains[i] = drains[--drain_count];
  return true;
}
