/* The processes of a call, by /proc: which they are, ending them, and how long they waited for a processor. Reads
 * /proc/PID/stat, which never blocks, unlike cmdline or maps. */
#ifndef TREE_H
#define TREE_H

#include <stdint.h>
#include <sys/types.h>

#include "child.h"

/* Of one thread, milliseconds: on a processor, and ready to run without one. */
struct cpu_time {
  int64_t ran, waited;
};

struct cpu_time cpu_time_of(pid_t pid);
/* How long, at least, a thread of the tree was ready to run while processes outside the container had the processors. Threads
 * that may not use all the processors that PID 1 may use do not count.
 * `used`: milliseconds that this container ran or was throttled since `main_before` was read. */
int64_t tree_starved_ms(const struct child *child, struct cpu_time main_before, uint64_t since, int64_t used);
/* Sends SIGKILL to all processes below the child's supervisor (where that was killed: to its orphans) that started at or
 * after `since`, except `spared`. Returns how many were alive. */
int tree_kill(const struct child *child, pid_t spared, uint64_t since);

#endif
