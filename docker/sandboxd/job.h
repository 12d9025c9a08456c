/* File work as the worker sees it: runs with the model's rights, may be killed at any time, writes one answer. */
#ifndef JOB_H
#define JOB_H

#include <stdint.h>
#include <sys/types.h>

#include "bytes.h"
#include "protocol.h"

#define RESULT_MAX (1u << 20)

struct job {
  enum work_kind kind;
  const char *path, *pattern, *glob; /* `glob` may be NULL */
  uint64_t offset, length, mode, depth, limit;
  struct span data;
  int result; /* descriptor for the answer */
};

/* Ends the worker. The answer: u32 errno, then what was found. */
_Noreturn void answer(const struct job *job, int error, const struct bytes *found);

/* Opens regular files only, and never waits for the other end of a FIFO. -1 with EISDIR in `error` for folders, EINVAL
 * for all other types. */
int open_regular(int directory, const char *path, int flags, mode_t mode, int *error);

#endif
