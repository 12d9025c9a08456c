#include "call.h"

#include <unistd.h>

#include "watch.h"

#define UNKEPT_MAX 4096
#define UNKEPT_TEXT_MAX 256

void call_init(struct call *call, uint32_t number) {
  *call = (struct call){.number = number, .result_fd = -1, .memo_fd = -1, .stage = STAGE_EXEC};
  call->own.report = call->out.fd = call->err.fd = -1;
  call->child = &call->own;
}

bool call_active(const struct call *call) { return call->state == CALL_STARTING || call->state == CALL_RUNNING; }

bool call_ended(const struct call *call) { return call->done || call->child->ended; }

void call_note_unkept(struct call *call, enum unkept_kind kind, const char *text, size_t n) {
  uint8_t byte = (uint8_t)kind;
  if (call->unkept.n > UNKEPT_MAX) return;
  if (n > UNKEPT_TEXT_MAX) n = UNKEPT_TEXT_MAX;
  bytes_append(&call->unkept, &byte, 1);
  bytes_append_u32(&call->unkept, (uint32_t)n);
  bytes_append(&call->unkept, text, n);
}

void call_release(struct call *call) {
  capture_free(&call->out);
  capture_free(&call->err);
  child_remove(&call->own);
  unwatch_close(&call->result_fd);
  if (call->memo_fd >= 0) close(call->memo_fd);
  bytes_free(&call->payload);
  bytes_free(&call->unkept);
  order_free(&call->order);
  call->state = CALL_FREE;
}
