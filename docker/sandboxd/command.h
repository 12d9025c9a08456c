/* Starting a call's command with its output captured. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdint.h>

#include "call.h"
#include "spawn.h"

/* Opens both output streams, keeping `keep` bytes of each, and spawns. Returns 0 or errno; sets the call's stage. */
int command_start(struct call *call, struct launch *launch, uint64_t keep);

#endif
