/* The resident interpreter: one Python process (../interpreter/interpreter.py) under a supervisor of its own.
 *
 * A call passes the code in a memory file, and new pipes, by SCM_RIGHTS. The interpreter answers "begun" and "done", each
 * with a proof that stands at the end of the code: so it has read this call's code, and all of it. The model can forge the
 * answers, as its code runs in the same process: they can end the call early, and are no evidence. */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include <stdbool.h>

#include "call.h"
#include "request.h"

enum interpreter_event {
  INTERPRETER_OTHER, /* the descriptor is not the interpreter's */
  INTERPRETER_QUIET,
  INTERPRETER_REFUSED, /* a message without the nonce of the call */
  INTERPRETER_DONE,    /* the code of interpreter_call() has ended */
};

/* An interpreter that is started for this call gets `directory` and `environment`; one that runs already keeps its own.
 * Returns 0 or errno, with the stage in the call. */
int interpreter_start(struct call *call, const struct request *request, const char *directory, char **environment);
/* Sends SIGINT. False where the interpreter has not begun with the code, or has ended: then it cannot finish it either. */
bool interpreter_interrupt(struct call *call);
/* Takes the results into the call, and records whether the interpreter survived it. */
void interpreter_finish(struct call *call);
enum interpreter_event interpreter_ready(int fd);
/* The call whose code it runs, or NULL. */
struct call *interpreter_call(void);
bool interpreter_owns(const struct child *child);
/* To be called when the record of its child has changed. */
void interpreter_check(void);

#endif
