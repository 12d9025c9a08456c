/* Writing one file, in the worker. */
#ifndef WRITING_H
#define WRITING_H

#include "job.h"

/* `data` at `offset`. At offset 0 the file is made, with missing parents, or its content replaced. */
_Noreturn void write_part(const struct job *job);

#endif
