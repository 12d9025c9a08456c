#include "calls.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "clock.h"
#include "counters.h"
#include "endings.h"
#include "interpreter.h"
#include "lifecycle.h"
#include "outbox.h"
#include "reports.h"
#include "table.h"

#define TIMEOUT_MAX_MS 60000

static uint64_t refused;

uint64_t calls_refused(void) { return refused; }

static void report_again(uint32_t number) {
  struct call *call = table_find(number);
  refused++;
  if (call) {
    if (call->started_sent) call_report_started(call);
    return;
  }
  if (ending_resend(number)) return;
  struct bytes frame = report_forgotten(number);
  outbox_send(&frame);
}

void calls_start(uint32_t number, struct span fields) {
  static struct request request;
  static struct call overflow;
  if (!number_accept(number)) {
    report_again(number);
    return;
  }
  struct call *slot = endings_full() ? NULL : table_slot(), *call = slot ? slot : &overflow;
  call_init(call, number);
  counters_read(call->before);
  /* A program's own exec never fails with ENOBUFS, so the controller knows that this is sandboxd's. */
  if (!slot) call_fail_start(call, ENOBUFS, STAGE_EXEC);
  else if (!request_parse(fields, &request)) call_fail_start(call, EINVAL, STAGE_EXEC);
  else call_begin(call, &request);
}

void calls_acknowledge(uint32_t number) { ending_forget(number); }

void calls_cancel(uint32_t number) {
  struct call *call = table_find(number);
  if (call) call_end(call, KILL_CANCELLED);
}

int calls_running(uint32_t *out) {
  int n = 0;
  for (struct call *call = table_next(NULL); call; call = table_next(call)) out[n++] = call->number;
  return n;
}

static void reap(pid_t pid, int status) {
  /* Only a model that is root can have stopped a supervisor. The command is the supervisor's child, and stays stopped. */
  if (WIFSTOPPED(status)) kill(pid, SIGCONT);
  else if (interpreter_owns(children_reaped(pid, status))) interpreter_check();
}

void calls_children_changed(void) {
  int status;
  pid_t pid;
  children_read();
  interpreter_check();
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) reap(pid, status);
  bool childless = pid < 0 && errno == ECHILD;
  for (struct call *call = table_next(NULL); call; call = table_next(call)) call_child_changed(call, childless);
}

/* True where the descriptor is the interpreter's. */
static bool interpreter_event(int fd) {
  switch (interpreter_ready(fd)) {
    case INTERPRETER_OTHER: return false;
    case INTERPRETER_REFUSED: refused++; return true;
    case INTERPRETER_DONE: call_code_ended(interpreter_call()); return true;
    default: return true;
  }
}

void calls_ready(int fd) {
  if (interpreter_event(fd)) return;
  if (children_ready(fd)) {
    calls_children_changed();
    return;
  }
  for (struct call *call = table_next(NULL); call; call = table_next(call))
    if (call_ready(call, fd)) return;
  drain_ready(fd);
}

int calls_next_timeout(void) {
  int64_t soonest = -1;
  for (struct call *call = table_next(NULL); call; call = table_next(call)) {
    int64_t at = call_next_clock(call);
    if (soonest < 0 || at < soonest) soonest = at;
  }
  if (soonest < 0) return -1;
  int64_t left = soonest - now_ms();
  return left < 0 ? 0 : left > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : (int)left;
}

void calls_clocks(void) {
  for (struct call *call = table_next(NULL); call; call = table_next(call))
    if (call_next_clock(call) <= now_ms()) call_clock(call);
}
