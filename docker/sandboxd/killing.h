/* Ending the processes of a call: README.md, "Killing". */
#ifndef KILLING_H
#define KILLING_H

#include <stdbool.h>

#include "call.h"

/* How long a tree is killed before everything but PID 1 is, and how long that is waited for. */
#define KILL_MS 2000

/* One pass over the processes of the call; the first is made at once. True where the kill is over. Otherwise the next
 * pass is due at `kill_at`. */
bool kill_begin(struct call *call);
bool kill_pass(struct call *call);
/* Ends everything but PID 1. The endings of active calls say so. */
void kill_everything(void);

#endif
