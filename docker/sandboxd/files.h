/* File work. A worker that has dropped to the model's rights does it; PID 1 only collects the answer. */
#ifndef FILES_H
#define FILES_H

#include "call.h"
#include "job.h"
#include "request.h"

/* The longest answer of a worker: head, facts and what was found. */
#define ANSWER_MAX (4 + 65535 + RESULT_MAX)

/* Relative paths start in `directory`, those with a tilde in `home`. Returns 0 or errno, with the stage in the call. */
int files_start(struct call *call, const struct request *request, const char *directory,
                const char *home);
/* Moves the answer into the call. A worker that has not answered gives EINTR, and its wait status shows how it ended. */
void files_finish(struct call *call);

#endif
