#include "bytes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void bytes_append(struct bytes *b, const void *p, size_t n) {
  if (n == 0) return;
  if (b->n + n > b->cap) {
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->n + n) cap *= 2;
    uint8_t *grown = realloc(b->p, cap);
    if (!grown) _exit(70);
    b->p = grown;
    b->cap = cap;
  }
  memcpy(b->p + b->n, p, n);
  b->n += n;
}

void bytes_append_u32(struct bytes *b, uint32_t value) {
  uint8_t number[4];
  put_u32(number, value);
  bytes_append(b, number, sizeof number);
}

void bytes_append_u64(struct bytes *b, uint64_t value) {
  uint8_t number[8];
  put_u64(number, value);
  bytes_append(b, number, sizeof number);
}

void bytes_free(struct bytes *b) {
  free(b->p);
  *b = (struct bytes){0};
}

void put_u32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (24 - 8 * i));
}

void put_u64(uint8_t *p, uint64_t value) {
  for (int i = 0; i < 8; i++) p[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint32_t get_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

char *span_string(struct span s) {
  char *text = malloc(s.n + 1);
  if (!text) _exit(70);
  if (s.n > 0) memcpy(text, s.p, s.n);
  text[s.n] = 0;
  return text;
}

int memory_file(const void *p, size_t n) {
  int fd = memfd_create("stdin", MFD_CLOEXEC);
  if (fd < 0) return -1;
  for (size_t at = 0; at < n;) {
    ssize_t written = write(fd, (const uint8_t *)p + at, n - at);
    if (written <= 0) {
      close(fd);
      return -1;
    }
    at += (size_t)written;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}
