#include "child.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "watch.h"

/* Calls and the interpreter. */
#define CHILDREN_MAX 16
static struct child *children[CHILDREN_MAX];
static int count;

void child_add(struct child *child) {
  for (int i = 0; i < count; i++)
    if (children[i] == child) return;
  if (count == CHILDREN_MAX) _exit(70);
  children[count++] = child;
}

void child_remove(struct child *child) {
  unwatch_close(&child->report);
  for (int i = 0; i < count; i++) {
    if (children[i] != child) continue;
    children[i] = children[--count];
    return;
  }
}

static void apply(struct child *child, struct child_message message) {
  switch (message.what) {
    case PID_IS: child->main = message.value; return;
    case IS_ELSEWHERE: child->elsewhere = true; return;
    case HAS_STARTED: child->started = true; return;
    case HAS_ENDED:
      child->started = child->ended = true;
      child->status = message.value;
      return;
    default:
      child->failed = true;
      child->error = message.value;
      child->stage = message.what == FORK_FAILED ? STAGE_FORK : STAGE_EXEC;
  }
}

void child_read(struct child *child) {
  struct child_message message;
  while (child->report >= 0) {
    ssize_t n = read(child->report, &message, sizeof message);
    if (n == (ssize_t)sizeof message) {
      if (!child->ended && !child->failed) apply(child, message);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    unwatch_close(&child->report);
  }
}

void children_read(void) {
  for (int i = 0; i < count; i++) child_read(children[i]);
}

bool children_ready(int fd) {
  for (int i = 0; i < count; i++)
    if (children[i]->report == fd) return true;
  return false;
}

/* True where the process belongs to the child. */
static bool reaped(struct child *child, pid_t pid, int status) {
  child_read(child);
  if (pid == child->supervisor) {
    child->supervisor = 0;
    if (!child->direct) return true;
  } else if (pid != child->main || child->ended || child->failed) {
    return false;
  }
  /* The worker itself, or a command that became PID 1's own child because its supervisor was killed. */
  child->ended = child->started = true;
  child->status = status;
  return true;
}

struct child *children_reaped(pid_t pid, int status) {
  for (int i = 0; i < count; i++)
    if (reaped(children[i], pid, status)) return children[i];
  return NULL;
}

bool is_supervisor(pid_t pid) {
  for (int i = 0; i < count; i++)
    if (children[i]->supervisor == pid) return true;
  return false;
}
