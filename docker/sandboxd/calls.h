/* The controller's commands about calls, and the events that concern calls. */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* A number that was accepted before is not started again: the present state of its call is reported. */
void calls_start(uint32_t number, struct span fields);
/* Unknown numbers are ignored by both. */
void calls_acknowledge(uint32_t number);
void calls_cancel(uint32_t number);
/* Puts the numbers of the calls that are not finished into `out`, which has room for CALLS_MAX. Returns their number. */
int calls_running(uint32_t *out);
/* Starts of numbers seen before, and messages of the interpreter without its call's nonce. */
uint64_t calls_refused(void);

/* A descriptor is ready. Does nothing where it belongs to no call. */
void calls_ready(int fd);
/* A child of PID 1 has changed its state, or a supervisor has reported. */
void calls_children_changed(void);
/* Milliseconds until the next clock of a call is due; -1: none is. */
int calls_next_timeout(void);
void calls_clocks(void);

#endif
