/* The container's own counters, from its cgroup and its root file system. The files are opened before any command runs, so
 * that nothing mounted or removed later can replace them. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdint.h>

#include "protocol.h"

void counters_open(void);
/* Indexed by enum counter; -1 where unknown or without limit. */
void counters_read(int64_t out[COUNTERS]);

#endif
