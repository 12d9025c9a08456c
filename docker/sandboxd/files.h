/* File work. A worker that has dropped to the model's rights does it; PID 1 only collects the answer. */
#ifndef FILES_H
#define FILES_H

#include "call.h"
#include "request.h"

/* Relative paths start in `directory`. Returns 0 or errno, with the stage in the call. */
int files_start(struct call *call, const struct request *request, const char *directory);
/* Moves the answer into the call. A worker that has not answered gives EINTR, and its wait status shows how it ended. */
void files_finish(struct call *call);

#endif
