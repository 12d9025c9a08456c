/* Visiting what is below a folder, in order of names. Depth is bounded, links are not followed, and a path is never resolved
 * twice: each folder is opened relative to its parent's descriptor. */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "job.h"

/* Nothing below this depth is visited, and the answer is then marked as cut. */
#define DEPTH_MAX 128

struct walk {
  const struct job *job;
  struct bytes found; /* the first byte is 1 where something was left out */
  uint64_t count;
  uint64_t depth;
  struct bytes path;
  bool done;
  /* Whether to go on below, if it is a folder. */
  bool (*visit)(struct walk *walk, int directory, const char *name, const struct stat *st);
};

/* Visits and answers. Where the job's path is not a folder, it is the only thing visited. */
_Noreturn void walk_run(struct walk *walk);
/* False where the limit or the largest answer is reached; then the walk ends. */
bool walk_room(struct walk *walk, size_t wanted);
/* Marks the answer as cut. */
void walk_cut(struct walk *walk);

#endif
