/* Reading a part of one file, in the worker. */
#ifndef READING_H
#define READING_H

#include "job.h"

/* Up to `length` bytes from `offset`. */
_Noreturn void read_part(const struct job *job);

#endif
