#include "reports.h"

#include <string.h>

#include "clock.h"
#include "counters.h"
#include "frames.h"
#include "settings.h"

static struct bytes begin(enum report_type type, uint32_t number) {
  struct bytes frame = {0};
  frame_begin(&frame, settings.instance, (uint8_t)type, number);
  return frame;
}

static void text_field(struct bytes *frame, uint8_t tag, const char *text) {
  if (text) frame_bytes(frame, tag, text, strlen(text));
}

static void numbers_field(struct bytes *frame, uint8_t tag, const int64_t *numbers, int n) {
  uint8_t text[8 * COUNTERS];
  for (int i = 0; i < n; i++) put_u64(text + 8 * i, (uint64_t)numbers[i]);
  frame_bytes(frame, tag, text, 8 * (size_t)n);
}

static void counters_field(struct bytes *frame, uint8_t tag, const int64_t counters[COUNTERS]) {
  uint8_t more = tag == REPORT_TAG_BEFORE ? REPORT_TAG_BEFORE_MORE : REPORT_TAG_AFTER_MORE;
  numbers_field(frame, tag, counters, COUNTERS_FIRST);
  numbers_field(frame, more, counters + COUNTERS_FIRST, COUNTERS - COUNTERS_FIRST);
}

static void counters_now(struct bytes *frame, uint8_t tag) {
  int64_t now[COUNTERS];
  counters_read(now);
  counters_field(frame, tag, now);
}

static void running_field(struct bytes *frame, const struct state *state) {
  struct bytes running = {0};
  for (size_t i = 0; i < state->running_n; i++) bytes_append_u32(&running, state->running[i]);
  frame_bytes(frame, REPORT_TAG_RUNNING, running.p, running.n);
  bytes_free(&running);
}

struct bytes report_state(const struct state *state) {
  struct bytes frame = begin(REPORT_STATE, 0);
  text_field(&frame, REPORT_TAG_VERSION, settings.version);
  text_field(&frame, REPORT_TAG_SHELL, settings.shell);
  text_field(&frame, REPORT_TAG_PYTHON, settings.python);
  frame_number(&frame, REPORT_TAG_NOW_MS, (uint64_t)now_ms());
  running_field(&frame, state);
  frame_number(&frame, REPORT_TAG_LAST_CALL, state->last_call);
  frame_number(&frame, REPORT_TAG_REFUSED_FRAMES, state->refused_frames);
  counters_now(&frame, REPORT_TAG_BEFORE);
  return frame;
}

struct bytes report_started(const struct call *call) {
  struct bytes frame = begin(REPORT_STARTED, call->number);
  frame_number(&frame, REPORT_TAG_STARTED_AT_MS, (uint64_t)call->started_at);
  frame_number(&frame, REPORT_TAG_PID, (uint64_t)call->child->main);
  return frame;
}

struct bytes report_start_failed(const struct call *call) {
  struct bytes frame = begin(REPORT_START_FAILED, call->number);
  frame_number(&frame, REPORT_TAG_KILL_REACH, call->reach);
  frame_number(&frame, REPORT_TAG_ERRNO, (uint32_t)call->error);
  frame_number(&frame, REPORT_TAG_STAGE, call->stage);
  counters_field(&frame, REPORT_TAG_BEFORE, call->before);
  counters_now(&frame, REPORT_TAG_AFTER);
  return frame;
}

struct bytes report_exited(struct call *call) {
  struct bytes frame = begin(REPORT_EXITED, call->number);
  frame_number(&frame, REPORT_TAG_WAIT_STATUS, (uint32_t)call->child->status);
  frame_number(&frame, REPORT_TAG_KILL_REASON, call->reason);
  frame_number(&frame, REPORT_TAG_KILL_REACH, call->reach);
  frame_number(&frame, REPORT_TAG_INTERPRETER, call->fate);
  frame_number(&frame, REPORT_TAG_RAISED, call->raised);
  frame_number(&frame, REPORT_TAG_ERRNO, (uint32_t)call->error);
  frame_number(&frame, REPORT_TAG_STARTED_AT_MS, (uint64_t)call->started_at);
  frame_number(&frame, REPORT_TAG_EXITED_AT_MS, (uint64_t)call->exited_at);
  frame_number(&frame, REPORT_TAG_STARVED_MS, (uint64_t)call->starved);
  counters_field(&frame, REPORT_TAG_BEFORE, call->before);
  counters_now(&frame, REPORT_TAG_AFTER);
  capture_field(&call->out, &frame, REPORT_TAG_STDOUT);
  capture_field(&call->err, &frame, REPORT_TAG_STDERR);
  order_field(&call->order, &frame, REPORT_TAG_ORDER);
  frame_bytes(&frame, REPORT_TAG_UNKEPT, call->unkept.p, call->unkept.n);
  if (call->facts_n > 0) frame_bytes(&frame, REPORT_TAG_FACTS, call->payload.p, call->facts_n);
  frame_bytes(&frame, REPORT_TAG_PAYLOAD, call->payload.p + call->facts_n, call->payload.n - call->facts_n);
  return frame;
}

struct bytes report_forgotten(uint32_t number) { return begin(REPORT_FORGOTTEN, number); }
