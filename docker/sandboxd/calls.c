/*
 * A call's life. STARTING: its supervisor has not yet said whether the command could be started. RUNNING: started,
 * not ended; a kill that is under way (`reason`) is a part of it. DRAINING: the command itself has ended, its pipes
 * have not. PURGING: it could not be started for want of processes; everything was killed and is being reaped.
 * Then its ending is kept (endings.c) and the slot is free.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandboxd.h"

struct call calls[CALLS_MAX];
uint64_t refused_frames;
static struct request request;

static bool active(const struct call *call) { return call->state == CALL_STARTING || call->state == CALL_RUNNING; }

static void release(struct call *call) {
  capture_free(&call->out);
  capture_free(&call->err);
  unwatch_close(&call->own.report);
  unwatch_close(&call->result_fd);
  if (call->memo_fd >= 0) close(call->memo_fd);
  bytes_free(&call->payload);
  call->state = CALL_FREE;
}

static void hand_to_drain(struct capture *capture) {
  if (capture->fd >= 0) drain_add(capture->fd);
  capture->fd = -1;
}

static void finish(struct call *call) {
  if (call->exited_at == 0) call->exited_at = now_ms();
  if (call->kind == SHELL) shell_finish(call);
  if (call->kind == PYTHON) interpreter_finish(call);
  if (call->kind >= READ_FILE && call->kind <= SEARCH_FILES) files_finish(call);
  ending_keep(call);
  hand_to_drain(&call->out);
  hand_to_drain(&call->err);
  release(call);
}

static void fail_start(struct call *call, int error, enum stage stage) {
  call->error = error;
  call->stage = stage;
  if (call->kind == PYTHON) interpreter_finish(call);
  if (error == EAGAIN) {
    kill_everything();
    call->reach = REACH_EVERYTHING;
    call->state = CALL_PURGING;
    call->kill_until = now_ms() + KILL_MS;
    return;
  }
  start_failure_keep(call);
  release(call);
}

void kill_everything(void) {
  kill(-1, SIGKILL);
  for (int i = 0; i < CALLS_MAX; i++)
    if (active(&calls[i])) calls[i].reach = REACH_EVERYTHING;
}

static void send_started(const struct call *call) {
  struct bytes frame = {0};
  frame_begin(&frame, settings.instance, STARTED, call->number);
  frame_number(&frame, 7, (uint64_t)call->started_at);
  frame_number(&frame, 15, (uint64_t)call->child->main);
  outbox_send(&frame);
}

static bool ended(const struct call *call) { return call->done || call->child->ended; }

/* One pass over /proc can miss a process that was forked during it, so two must find nobody; and where all is to end, the
 * kernel has the last word: a supervisor stays as long as anything is left below it. */
static bool all_dead(struct call *call, int alive, bool spare) {
  call->clear_passes = alive ? 0 : call->clear_passes + 1;
  if (!ended(call)) return false;
  if (call->child->direct) return alive == 0;
  return call->clear_passes >= 2 && (spare || call->child->supervisor == 0);
}

static void kill_step(struct call *call) {
  int64_t now = now_ms();
  bool spare = call->done && !call->child->ended;
  pid_t spared = spare ? call->child->main : 0;
  int alive = call->child->direct ? !call->child->ended && kill(call->child->main, SIGKILL) == 0
                                  : tree_kill(call->child, spared, spare ? call->own.start_ticks : 0);
  if (alive && call->reach == REACH_NONE) call->reach = REACH_TREE;
  if (all_dead(call, alive, spare)) {
    finish(call);
    return;
  }
  call->kill_at = now + call->kill_pause;
  call->kill_pause = call->kill_pause < 32 ? call->kill_pause * 2 : 32;
  if (now < call->kill_until) return;
  if (call->reach != REACH_EVERYTHING) {
    kill_everything();
    call->kill_until = now + KILL_MS;
    return;
  }
  /* Not even SIGKILL ends it: it sleeps in the kernel. What is known of the kill is told. */
  if (!ended(call)) call->child->status = SIGKILL;
  finish(call);
}

static void kill_begin(struct call *call) {
  call->interrupt_until = 0;
  call->kill_until = now_ms() + KILL_MS;
  call->kill_pause = 1;
  kill_step(call);
}

static void end_by_us(struct call *call, enum kill_reason reason) {
  call->reason = reason;
  if (call->kind != PYTHON || !interpreter_interrupt(call)) {
    kill_begin(call);
    return;
  }
  call->interrupt_until = now_ms() + INTERRUPT_MS;
}

/* What this container's processes ran or could not for their own quota, since the call began; -1: not known. */
static int64_t used_ms(const struct call *call) {
  int64_t now[COUNTERS];
  counters_read(now);
  if (now[CPU_USED] < 0 || call->before[CPU_USED] < 0) return -1;
  int64_t throttled = now[CPU_THROTTLED] < 0 ? 0 : now[CPU_THROTTLED] - call->before[CPU_THROTTLED];
  return (now[CPU_USED] - call->before[CPU_USED] + throttled) / 1000;
}

/* The limit is on time that the command could have used. Less than a twentieth is what any busy host takes. */
static void deadline_reached(struct call *call) {
  int64_t used = used_ms(call), now = now_ms();
  call->starved = used < 0 ? 0 : tree_starved_ms(call->child, call->main_before, call->own.start_ticks, used);
  if (call->starved < call->limit / 20) call->starved = 0;
  int64_t due = call->started_at + call->limit + call->starved;
  int64_t grace = call->limit * GRACE_TIMES < GRACE_MS ? call->limit * GRACE_TIMES : GRACE_MS;
  int64_t last = call->started_at + call->limit + grace;
  if (due <= now) end_by_us(call, KILL_TIMEOUT);
  else if (last <= now) end_by_us(call, KILL_STARVED);
  else call->deadline = due < last ? due : last;
}

/* What the command wrote before it ended is in the pipes already. */
static void drain_now(struct capture *capture) {
  for (int i = 0; i < 32 && capture->fd >= 0; i++) {
    uint64_t before = capture->total;
    if (!capture_read(capture) || capture->total == before) return;
  }
}

static void finish_when_drained(struct call *call) {
  bool open = call->out.fd >= 0 || call->err.fd >= 0 || call->result_fd >= 0;
  if (!open || now_ms() >= call->drain_until) finish(call);
}

void call_main_ended(struct call *call) {
  call->exited_at = now_ms();
  if (call->reason != KILL_NONE) {
    kill_begin(call);
    return;
  }
  call->state = CALL_DRAINING;
  call->drain_until = call->exited_at + DRAIN_MS;
  drain_now(&call->out);
  drain_now(&call->err);
  finish_when_drained(call);
}

void call_started(struct call *call) {
  call->state = CALL_RUNNING;
  if (!call->started_sent) send_started(call);
  call->started_sent = true;
}

static void step(struct call *call, bool childless) {
  struct child *child = call->child;
  if (call->state == CALL_PURGING && (childless || now_ms() >= call->kill_until)) {
    start_failure_keep(call);
    release(call);
    return;
  }
  if (!active(call)) return;
  if (child->failed) {
    fail_start(call, child->error, child->stage);
    return;
  }
  bool orphaned = child->supervisor == 0 && child->report < 0;
  if (!child->started && orphaned && child->main == 0) {
    fail_start(call, EINTR, STAGE_FORK);
    return;
  }
  if (call->state == CALL_STARTING && (child->started || orphaned)) call_started(call);
  if (!child->ended && childless) {
    /* It vanished together with its supervisor: only killing both does that. */
    child->ended = true;
    child->status = SIGKILL;
  }
  if (ended(call) && (call->exited_at == 0 || call->reason != KILL_NONE)) {
    if (call->exited_at == 0) call_main_ended(call);
    else kill_step(call);
  }
}

static void reaped(pid_t pid, int status) {
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state != CALL_FREE && child_reaped(&calls[i].own, pid, status)) return;
  interpreter_reaped(pid, status);
}

void call_children_changed(void) {
  int status;
  pid_t pid;
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state != CALL_FREE) child_listen(&calls[i].own);
  interpreter_listen();
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
    /* A supervisor that a root model has stopped; its command is its child, not ours, and stays stopped. */
    if (WIFSTOPPED(status)) kill(pid, SIGCONT);
    else reaped(pid, status);
  }
  bool childless = pid < 0 && errno == ECHILD;
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state != CALL_FREE) step(&calls[i], childless);
}

static int begin(struct call *call) {
  switch (call->kind) {
    case SHELL: return shell_start(call, &request);
    case PYTHON: return interpreter_start(call, &request);
    case EXEC: return exec_start(call, &request);
    case PROBE: return probe_start(call);
    default: return files_start(call, &request);
  }
}

static struct call *free_slot(void) {
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state == CALL_FREE) return &calls[i];
  return NULL;
}

static void report_again(uint32_t number) {
  refused_frames++;
  for (int i = 0; i < CALLS_MAX; i++) {
    if (calls[i].state == CALL_FREE || calls[i].number != number) continue;
    if (calls[i].started_sent) send_started(&calls[i]);
    return;
  }
  if (ending_resend(number)) return;
  struct bytes frame = {0};
  frame_begin(&frame, settings.instance, FORGOTTEN, number);
  outbox_send(&frame);
}

void call_start(uint32_t number, struct span fields) {
  static struct call overflow;
  if (!number_accept(number)) {
    report_again(number);
    return;
  }
  struct call *call = endings_full() ? NULL : free_slot();
  bool room = call != NULL;
  if (!room) call = &overflow;
  *call = (struct call){.number = number, .result_fd = -1, .memo_fd = -1};
  call->own.report = call->out.fd = call->err.fd = -1;
  call->child = &call->own;
  call->stage = STAGE_EXEC;
  counters_read(call->before);
  if (!room || !request_parse(fields, &request)) {
    /* Of these two a program's own exec never gives the second: whoever reads it knows that it is ours. */
    fail_start(call, room ? EINVAL : ENOBUFS, STAGE_EXEC);
    return;
  }
  call->kind = (enum work)request.kind;
  call->output_bytes = request.output_bytes;
  call->started_at = now_ms();
  call->limit = (int64_t)request.timeout_ms;
  call->deadline = call->started_at + call->limit;
  call->state = CALL_STARTING;
  int error = begin(call);
  if (call->child->started) call->main_before = cpu_time_of(call->child->main);
  if (error) fail_start(call, error, call->stage);
  else if (call->child->started) step(call, false);
}

void call_acknowledge(uint32_t number) { ending_forget(number); }

void call_cancel(uint32_t number) {
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].number == number && active(&calls[i]) && calls[i].reason == KILL_NONE && calls[i].exited_at == 0)
      end_by_us(&calls[i], KILL_CANCELLED);
}

static bool read_result(struct call *call) {
  uint8_t part[65536];
  ssize_t n = read(call->result_fd, part, sizeof part);
  if (n > 0) bytes_append(&call->payload, part, (size_t)n);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  unwatch_close(&call->result_fd);
  return false;
}

static void output_seen(struct call *call, const struct capture *capture) {
  if (call->state == CALL_DRAINING) finish_when_drained(call);
  else if (active(call) && call->reason == KILL_NONE && capture->total > call->output_bytes)
    end_by_us(call, KILL_OUTPUT);
}

bool call_ready(int fd) {
  for (int i = 0; i < CALLS_MAX; i++) {
    struct call *call = &calls[i];
    if (call->state == CALL_FREE) continue;
    if (fd == call->own.report) {
      call_children_changed();
      return true;
    }
    if (fd == call->out.fd || fd == call->err.fd) {
      struct capture *capture = fd == call->out.fd ? &call->out : &call->err;
      capture_read(capture);
      output_seen(call, capture);
      return true;
    }
    if (fd != call->result_fd) continue;
    if (!read_result(call) && call->state == CALL_DRAINING) finish_when_drained(call);
    return true;
  }
  return drain_ready(fd);
}

static int64_t next_clock(const struct call *call) {
  if (call->state == CALL_DRAINING) return call->drain_until;
  if (call->state == CALL_PURGING) return call->kill_until;
  if (call->reason == KILL_NONE) return call->deadline;
  return call->interrupt_until ? call->interrupt_until : call->kill_at;
}

int call_next_timeout(void) {
  int64_t soonest = -1;
  for (int i = 0; i < CALLS_MAX; i++) {
    if (calls[i].state == CALL_FREE) continue;
    int64_t at = next_clock(&calls[i]);
    if (soonest < 0 || at < soonest) soonest = at;
  }
  if (soonest < 0) return -1;
  int64_t left = soonest - now_ms();
  return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

void call_timers(void) {
  for (int i = 0; i < CALLS_MAX; i++) {
    struct call *call = &calls[i];
    if (call->state == CALL_FREE || next_clock(call) > now_ms()) continue;
    if (call->state == CALL_DRAINING) finish(call);
    else if (call->state == CALL_PURGING) step(call, true);
    else if (call->reason == KILL_NONE) deadline_reached(call);
    else if (call->interrupt_until) kill_begin(call);
    else kill_step(call);
  }
}
