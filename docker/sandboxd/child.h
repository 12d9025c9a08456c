/* What PID 1 knows of the processes that it has started: a supervisor and its command, or a worker. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

/* What a supervisor reports: 8 bytes per message, so that every write is atomic. */
struct child_message {
  int32_t what, value;
};
enum { PID_IS = 1, HAS_STARTED, FORK_FAILED, EXEC_FAILED, HAS_ENDED, IS_ELSEWHERE };

struct child {
  pid_t supervisor; /* 0: none, or reaped */
  int report;       /* the supervisor's pipe; -1: closed, all has been read */
  pid_t main;       /* the command; 0: not known (yet) */
  bool started, ended, failed;
  bool elsewhere;   /* its directory could not be entered, so it began in a parent */
  bool direct;      /* no supervisor: `supervisor` is the worker itself */
  int status;       /* of wait(2), once ended */
  int error;        /* errno, once failed */
  enum start_stage stage;
  uint64_t start_ticks; /* nothing that it started has an earlier start time in /proc/PID/stat */
};

/* From here on the functions below know the child. The struct must stay in its place until child_remove. */
void child_add(struct child *child);
void child_remove(struct child *child);

/* Reads what the supervisor has reported; never blocks. */
void child_read(struct child *child);
void children_read(void);
/* True where the descriptor is the report pipe of a child. */
bool children_ready(int fd);
/* The child that the ended process belongs to, its record updated; NULL: an orphan. */
struct child *children_reaped(pid_t pid, int status);
bool is_supervisor(pid_t pid);

#endif
