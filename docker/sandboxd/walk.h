/* Visiting what is below a folder, in order of names. Depth is bounded, links are not followed, and a path is never resolved
 * twice: each folder is opened relative to its parent's descriptor. What is left out is counted. */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "job.h"

/* Nothing below this depth is visited. */
#define DEPTH_MAX 128

struct walk {
  const struct job *job;
  struct bytes found; /* the first byte is 1 where something was left out */
  uint64_t count;     /* in `found` */
  uint64_t total;     /* with those for which there was no room */
  bool full;          /* no more is put into `found`, only counted */
  bool late;          /* time is up: the walk ends */
  bool uncounted;     /* there is more than `total` */
  int64_t give_up_at;
  uint64_t depth;
  struct bytes path; /* as the answer shows it, followed by NUL */
  size_t base;       /* where the part below the folder begins */
  bool in_system;
  uint64_t unread_folders, unread_files, deep_folders, system_folders, links;
  /* Whether to go on below, if it is a folder. */
  bool (*visit)(struct walk *walk, int directory, const char *name, const struct stat *st);
};

/* Before anything else. `path` is then the folder as paths below it begin, "" where they begin with nothing. */
void walk_begin(struct walk *walk);
/* Visits, or answers with the errno that prevents it. Where the job's path is not a folder, it is the only thing visited. */
void walk_run(struct walk *walk);
/* Makes this the path that the answer shows. */
void walk_show(struct walk *walk, const char *path);
/* Answers with what was found. */
_Noreturn void walk_finish(struct walk *walk);
/* Counts one more. False where there is no room for its `wanted` bytes: then it is not put into `found`. */
bool walk_room(struct walk *walk, size_t wanted);
/* Whether time is up. */
bool walk_late(struct walk *walk);
/* Counts a file or folder that could not be opened, unless it has gone meanwhile. */
void walk_unread(uint64_t *count, int error);

#endif
