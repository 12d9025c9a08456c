/* File work as the worker sees it: runs with the model's rights, may be killed at any time, writes one answer. */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bytes.h"
#include "protocol.h"

#define RESULT_MAX (1u << 20)

struct job {
  enum work_kind kind;
  const char *path, *pattern, *glob; /* `glob` may be NULL */
  uint64_t offset, length, mode, depth, limit;
  int64_t give_up_at; /* by now_ms(): what is found until then is the answer */
  struct span data;
  int result; /* descriptor for the answer */
};

/* Adds to what the answer reports beside its payload. */
void job_fact(enum fact fact, uint64_t value);
/* The same where the value is not 0. */
void job_count(enum fact fact, uint64_t value);
/* Ends the worker. The answer: u16 length of the facts, u16 errno, the facts, then what was found. */
_Noreturn void answer(const struct job *job, int error, const struct bytes *found);
/* The answer to a pattern or glob that is none: the text becomes the payload. */
_Noreturn void answer_problem(const struct job *job, const char *text);

/* 'f' for a regular file, 'd', 'l', 'p' (FIFO), 's', 'c' or 'b'. */
char type_letter(mode_t mode);

/* Opens regular files only, and never waits for the other end of a FIFO. -1 with EISDIR in `error` for folders, EINVAL
 * for all other types, EPERM for what describes the worker itself (own.h). */
int open_regular(int directory, const char *path, int flags, mode_t mode, int *error);
/* The same for a path that the model has named: the answer then tells of what type the file is that was not opened. */
int open_named(const char *path, int flags, mode_t mode, int *error);

#endif
