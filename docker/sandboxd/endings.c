/* What was accepted, and every ending until the controller has it durable. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandboxd.h"

/* Numbers further back than this below the highest count as seen. */
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

static void counters_field(struct bytes *frame, uint8_t tag, const int64_t counters[COUNTERS]) {
  uint8_t text[8 * COUNTERS];
  for (int i = 0; i < COUNTERS; i++) put_u64(text + 8 * i, (uint64_t)counters[i]);
  frame_bytes(frame, tag, text, sizeof text);
}

static void both_counters(struct bytes *frame, const struct call *call) {
  int64_t after[COUNTERS];
  counters_read(after);
  counters_field(frame, 10, call->before);
  counters_field(frame, 11, after);
}

static void keep(uint32_t number, struct bytes *frame) {
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

void ending_keep(struct call *call) {
  struct bytes frame = {0};
  frame_begin(&frame, settings.instance, EXITED, call->number);
  frame_number(&frame, 1, (uint32_t)call->child->status);
  frame_number(&frame, 2, call->reason);
  frame_number(&frame, 3, call->reach);
  frame_number(&frame, 4, call->fate);
  frame_number(&frame, 5, call->raised);
  frame_number(&frame, 6, (uint32_t)call->error);
  frame_number(&frame, 7, (uint64_t)call->started_at);
  frame_number(&frame, 8, (uint64_t)call->exited_at);
  frame_number(&frame, 27, (uint64_t)call->starved);
  both_counters(&frame, call);
  capture_field(&call->out, &frame, 12);
  capture_field(&call->err, &frame, 13);
  frame_bytes(&frame, 14, call->payload.p, call->payload.n);
  keep(call->number, &frame);
}

void start_failure_keep(struct call *call) {
  struct bytes frame = {0};
  frame_begin(&frame, settings.instance, START_FAILED, call->number);
  frame_number(&frame, 3, call->reach);
  frame_number(&frame, 6, (uint32_t)call->error);
  frame_number(&frame, 9, call->stage);
  both_counters(&frame, call);
  keep(call->number, &frame);
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
