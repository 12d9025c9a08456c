/* The kinds of work that a call can ask for. */
#ifndef WORK_H
#define WORK_H

#include <stdbool.h>

#include "call.h"
#include "request.h"

/* Returns 0 or errno, with the stage in the call. */
int work_start(struct call *call, const struct request *request);
void work_start_failed(struct call *call);
/* Asks the command to end by itself. False where its kind cannot. */
bool work_interrupt(struct call *call);
/* Completes the call's record after its command has ended. */
void work_finish(struct call *call);

#endif
