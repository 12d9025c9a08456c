/* What the kernel shows a worker of itself. A worker is a fork of PID 1 and holds a copy of its memory, and the kernel lets
 * every process look at itself: what /proc/1 refuses must not be had through /proc/self. */
#ifndef OWN_H
#define OWN_H

#include <stdbool.h>

/* Whether the open file is one of procfs that shows or changes the worker's memory, layout or state. */
bool is_own(int fd);

#endif
