/* One call: its record, and closing what the record holds. lifecycle.h moves it from state to state. */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "capture.h"
#include "child.h"
#include "order.h"
#include "protocol.h"
#include "tree.h"

/*
 * STARTING: its supervisor has not yet reported whether the command could be started. RUNNING: started, not ended; a
 * kill that is under way (`reason`) is a part of it. DRAINING: the command itself has ended, its pipes are still open.
 * PURGING: it could not be started for want of processes; everything was killed and is being reaped.
 * Then its ending is kept (endings.h) and the slot is FREE.
 */
enum call_state { CALL_FREE, CALL_STARTING, CALL_RUNNING, CALL_DRAINING, CALL_PURGING };

/* Times are milliseconds of now_ms(). */
struct call {
  enum call_state state;
  uint32_t number;
  enum work_kind kind;
  struct child own;
  struct child *child; /* its own, or the interpreter's */
  struct capture out, err;
  struct order order;
  int result_fd; /* of file work, or -1 */
  struct bytes payload;
  size_t facts_n; /* of file work: so many bytes at the payload's beginning are facts */
  int memo_fd; /* shell state or interpreter payload, or -1 */
  bool may_set_state; /* the shell command could change directory or exports */
  struct bytes unkept;
  uint64_t output_bytes;
  int64_t started_at, exited_at, limit, longest, deadline, drain_until;
  int64_t starved; /* milliseconds of the limit in which others kept it from the processors */
  struct cpu_time main_before;
  int64_t interrupt_until, kill_at, kill_until;
  int64_t kill_pause;
  int clear_passes; /* of the kill: consecutive passes that found nothing alive */
  enum kill_reason reason;
  enum kill_reach reach;
  enum interpreter_fate fate;
  bool started_sent;
  bool raised, done; /* reported by the interpreter */
  int error;
  enum start_stage stage;
  int64_t before[COUNTERS];
};

void call_init(struct call *call, uint32_t number);
/* Starting or running. */
bool call_active(const struct call *call);
/* The command itself has ended; for python: the interpreter has reported it, or has ended. */
bool call_ended(const struct call *call);
/* Notes what the next call does not get of this one: u8 kind, u32 length, text. Text beyond 256 bytes is cut; after 4 KiB
 * of notes further ones are dropped. */
void call_note_unkept(struct call *call, enum unkept_kind kind, const char *text, size_t n);
/* Frees the slot. */
void call_release(struct call *call);

#endif
