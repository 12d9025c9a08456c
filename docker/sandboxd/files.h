/* The child's side of file work: runs with the model's rights, may be killed at any time, writes one answer. */
#ifndef FILES_H
#define FILES_H

#include "sandboxd.h"

#define RESULT_MAX (1u << 20)
/* Deeper than this is not looked at: the answer says that it was cut. */
#define DEPTH_MAX 128

struct job {
  enum work kind;
  const char *path, *pattern, *glob;
  uint64_t offset, length, mode, depth, limit;
  struct span data;
  int result;
};

/* Ends the worker: errno, then what was found. */
_Noreturn void answer(const struct job *job, int error, const struct bytes *found);
_Noreturn void read_whole(const struct job *job);
_Noreturn void write_whole(const struct job *job);
_Noreturn void list_tree(const struct job *job);
_Noreturn void search_tree(const struct job *job);

/* Regular files only, never waiting for a FIFO's other end: EISDIR for folders, EINVAL for all else. */
int open_regular(int directory, const char *path, int flags, mode_t mode, int *error);

#endif
