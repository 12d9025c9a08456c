/* Moves one call from state to state (call.h): what happens to it, and what follows. Whoever calls these functions learns
 * the result from the call's state. */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

#include "call.h"
#include "request.h"

/* Starts the work of a new call, or ends the call as not started. */
void call_begin(struct call *call, const struct request *request);
/* Reports that the command never ran. EAGAIN: no process was to be had, and everything is killed first. */
void call_fail_start(struct call *call, int error, enum start_stage stage);
void call_report_started(struct call *call);
/* The record of its child has changed. `childless`: PID 1 has no child any more. */
void call_child_changed(struct call *call, bool childless);
/* The interpreter has reported that the code has ended. */
void call_code_ended(struct call *call);
/* True where the descriptor is one of the call's. */
bool call_ready(struct call *call, int fd);
/* Ends the command, unless that is under way or it has ended. */
void call_end(struct call *call, enum kill_reason reason);
/* When call_clock is due. */
int64_t call_next_clock(const struct call *call);
void call_clock(struct call *call);

#endif
