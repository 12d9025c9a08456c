/* The time limit of a call, which is on time that the command could have used: README.md, "Time limit". */
#ifndef LIMIT_H
#define LIMIT_H

#include "call.h"

/* To be called when the call's deadline has passed. Moves the deadline and returns KILL_NONE, or returns why the call
 * must end. */
enum kill_reason limit_reached(struct call *call);

#endif
