/* Programs without a shell. */
#ifndef EXEC_H
#define EXEC_H

#include "call.h"
#include "request.h"

/* Both return 0 or errno, with the stage in the call. */
int exec_start(struct call *call, const struct request *request);
/* sandboxd's own binary in the mode that does nothing: can a process be started at all? */
int probe_start(struct call *call);

#endif
