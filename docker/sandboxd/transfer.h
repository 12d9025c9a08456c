/* Reading and writing one file, in the worker. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "job.h"

/* Up to `length` bytes from `offset`. */
_Noreturn void read_part(const struct job *job);
/* `data` at `offset`. At offset 0 the file is made, with missing parents, or truncated first. */
_Noreturn void write_part(const struct job *job);

#endif
