#include "lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "clock.h"
#include "endings.h"
#include "files.h"
#include "killing.h"
#include "limit.h"
#include "outbox.h"
#include "reports.h"
#include "watch.h"
#include "work.h"

/* After the command itself has ended, how long pipes that others hold open are waited for. */
#define DRAIN_MS 150
/* How long the interpreter has to turn SIGINT into an exception and finish. */
#define INTERRUPT_MS 500

static void finish(struct call *call) {
  if (call->exited_at == 0) call->exited_at = now_ms();
  if (call->own.elsewhere) call_note_unkept(call, UNKEPT_START_DIRECTORY, NULL, 0);
  work_finish(call);
  struct bytes frame = report_exited(call);
  ending_keep(call->number, &frame);
  capture_drain(&call->out);
  capture_drain(&call->err);
  call_release(call);
}

static void finish_not_started(struct call *call) {
  struct bytes frame = report_start_failed(call);
  ending_keep(call->number, &frame);
  call_release(call);
}

void call_fail_start(struct call *call, int error, enum start_stage stage) {
  call->error = error;
  call->stage = stage;
  work_start_failed(call);
  if (error != EAGAIN) {
    finish_not_started(call);
    return;
  }
  kill_everything();
  call->reach = REACH_EVERYTHING;
  call->state = CALL_PURGING;
  call->kill_until = now_ms() + KILL_MS;
}

void call_report_started(struct call *call) {
  struct bytes frame = report_started(call);
  outbox_send(&frame);
  call->started_sent = true;
}

static void started(struct call *call) {
  call->state = CALL_RUNNING;
  if (!call->started_sent) call_report_started(call);
}

/* ---- ending it ---- */

static void end_now(struct call *call) {
  if (kill_begin(call)) finish(call);
}

static void kill_on(struct call *call) {
  if (kill_pass(call)) finish(call);
}

static void end_with(struct call *call, enum kill_reason reason) {
  call->reason = reason;
  if (work_interrupt(call)) call->interrupt_until = now_ms() + INTERRUPT_MS;
  else end_now(call);
}

void call_end(struct call *call, enum kill_reason reason) {
  if (call_active(call) && call->reason == KILL_NONE && call->exited_at == 0) end_with(call, reason);
}

/* ---- its command has ended ---- */

static void finish_when_drained(struct call *call) {
  bool open = call->out.fd >= 0 || call->err.fd >= 0 || call->result_fd >= 0;
  if (!open || now_ms() >= call->drain_until) finish(call);
}

/* Reads once. False at the end of the stream, and where nothing was there. */
static bool read_stream(struct call *call, struct capture *capture) {
  uint64_t out = call->out.total, err = call->err.total, before = capture->total;
  capture_read(capture);
  if (capture->total == before) return false;
  order_note(&call->order, capture == &call->err, out, err);
  return true;
}

/* What the command wrote before it ended is in the pipe already. */
static void read_rest(struct call *call, struct capture *capture) {
  for (int i = 0; i < 32 && capture->fd >= 0; i++)
    if (!read_stream(call, capture)) return;
}

static void command_ended(struct call *call) {
  call->exited_at = now_ms();
  if (call->reason != KILL_NONE) {
    end_now(call);
    return;
  }
  call->state = CALL_DRAINING;
  call->drain_until = call->exited_at + DRAIN_MS;
  read_rest(call, &call->out);
  read_rest(call, &call->err);
  finish_when_drained(call);
}

void call_code_ended(struct call *call) {
  if (call->state == CALL_STARTING) started(call);
  command_ended(call);
}

/* ---- events ---- */

static void active_child_changed(struct call *call, bool childless) {
  struct child *child = call->child;
  if (child->failed) {
    call_fail_start(call, child->error, child->stage);
    return;
  }
  bool orphaned = child->supervisor == 0 && child->report < 0;
  if (!child->started && orphaned && child->main == 0) {
    call_fail_start(call, EINTR, STAGE_FORK);
    return;
  }
  if (call->state == CALL_STARTING && (child->started || orphaned)) started(call);
  if (!child->ended && childless) {
    /* Its supervisor was killed together with it, so nothing has reported its status. */
    child->ended = true;
    child->status = SIGKILL;
  }
  if (!call_ended(call)) return;
  if (call->exited_at == 0) command_ended(call);
  else if (call->reason != KILL_NONE) kill_on(call);
}

void call_child_changed(struct call *call, bool childless) {
  if (call_active(call)) active_child_changed(call, childless);
  else if (call->state == CALL_PURGING && (childless || now_ms() >= call->kill_until)) finish_not_started(call);
}

void call_begin(struct call *call, const struct request *request) {
  call->kind = (enum work_kind)request->kind;
  call->output_bytes = request->output_bytes;
  call->started_at = now_ms();
  call->limit = (int64_t)request->timeout_ms;
  call->longest = (int64_t)request->longest_ms;
  call->deadline = call->started_at + call->limit;
  call->state = CALL_STARTING;
  int error = work_start(call, request);
  if (call->child->started) call->main_before = cpu_time_of(call->child->main);
  if (error) call_fail_start(call, error, call->stage);
  else if (call->child->started) call_child_changed(call, false);
}

static void read_output(struct call *call, struct capture *capture) {
  read_stream(call, capture);
  if (call->state == CALL_DRAINING) finish_when_drained(call);
  else if (call_active(call) && call->reason == KILL_NONE && capture->total > call->output_bytes)
    end_with(call, KILL_OUTPUT);
}

static void read_result(struct call *call) {
  uint8_t part[65536];
  ssize_t n = read(call->result_fd, part, sizeof part);
  /* The worker may be the model's by now: what no answer is long enough for is dropped. */
  if (n > 0 && call->payload.n < ANSWER_MAX) bytes_append(&call->payload, part, (size_t)n);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
  unwatch_close(&call->result_fd);
  if (call->state == CALL_DRAINING) finish_when_drained(call);
}

bool call_ready(struct call *call, int fd) {
  if (fd == call->out.fd) read_output(call, &call->out);
  else if (fd == call->err.fd) read_output(call, &call->err);
  else if (fd == call->result_fd) read_result(call);
  else return false;
  return true;
}

int64_t call_next_clock(const struct call *call) {
  if (call->state == CALL_DRAINING) return call->drain_until;
  if (call->state == CALL_PURGING) return call->kill_until;
  if (call->reason == KILL_NONE) return call->deadline;
  return call->interrupt_until ? call->interrupt_until : call->kill_at;
}

static void deadline_reached(struct call *call) {
  enum kill_reason reason = limit_reached(call);
  if (reason != KILL_NONE) end_with(call, reason);
}

void call_clock(struct call *call) {
  if (call->state == CALL_DRAINING) finish(call);
  else if (call->state == CALL_PURGING) call_child_changed(call, true);
  else if (call->reason == KILL_NONE) deadline_reached(call);
  else if (call->interrupt_until) end_now(call);
  else kill_on(call);
}
