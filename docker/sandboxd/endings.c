#include "endings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"
#include "outbox.h"

/* Numbers that are lower than the highest by this or more count as seen. */
#define WINDOW 8192
static uint8_t seen[WINDOW];
static uint32_t last;

#define KEPT_MAX 64
#define KEPT_BYTES_MAX (24u << 20)
static struct {
  uint32_t number;
  struct shared *frame;
} kept[KEPT_MAX];
static size_t kept_n, kept_bytes;

uint32_t number_last(void) { return last; }

bool number_accept(uint32_t number) {
  if (number == 0) return false;
  if (number <= last) {
    if (last - number >= WINDOW || seen[number % WINDOW]) return false;
    seen[number % WINDOW] = 1;
    return true;
  }
  if (number - last >= WINDOW) memset(seen, 0, sizeof seen);
  else
    for (uint32_t n = last + 1; n < number; n++) seen[n % WINDOW] = 0;
  seen[number % WINDOW] = 1;
  last = number;
  return true;
}

bool endings_full(void) { return kept_n == KEPT_MAX || kept_bytes > KEPT_BYTES_MAX; }

void ending_keep(uint32_t number, struct bytes *frame) {
  struct shared *shared = malloc(sizeof *shared);
  if (!shared) _exit(70);
  *shared = (struct shared){.bytes = frame_seal(frame), .references = 1};
  if (kept_n < KEPT_MAX) {
    kept[kept_n].number = number;
    kept[kept_n++].frame = shared;
    kept_bytes += shared->bytes.n;
    outbox_share(shared);
    return;
  }
  outbox_share(shared);
  shared_release(shared);
}

bool ending_resend(uint32_t number) {
  for (size_t i = 0; i < kept_n; i++) {
    if (kept[i].number != number) continue;
    outbox_share(kept[i].frame);
    return true;
  }
  return false;
}

void ending_forget(uint32_t number) {
  for (size_t i = 0; i < kept_n; i++) {
    if (kept[i].number != number) continue;
    kept_bytes -= kept[i].frame->bytes.n;
    shared_release(kept[i].frame);
    memmove(&kept[i], &kept[i + 1], (--kept_n - i) * sizeof kept[0]);
    return;
  }
}

void endings_send_all(void) {
  for (size_t i = 0; i < kept_n; i++) outbox_share(kept[i].frame);
}
