#include "listing.h"

#include <fcntl.h>
#include <unistd.h>

#include "walk.h"

/* u8 type, u64 size, i64 modification time in ms, u32 permission bits, u32 length, path; u32 length, where a link leads. */
static bool list_one(struct walk *walk, int directory, const char *name, const struct stat *st) {
  char type = type_letter(st->st_mode), target[4096];
  ssize_t n = type == 'l' ? readlinkat(directory, name, target, sizeof target) : 0;
  size_t length = n > 0 ? (size_t)n : 0;
  if (!walk_room(walk, 29 + walk->path.n + length)) return true;
  bytes_append(&walk->found, &type, 1);
  bytes_append_u64(&walk->found, (uint64_t)st->st_size);
  bytes_append_u64(&walk->found, (uint64_t)(st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000));
  bytes_append_u32(&walk->found, st->st_mode & 07777);
  bytes_append_u32(&walk->found, (uint32_t)walk->path.n);
  bytes_append(&walk->found, walk->path.p, walk->path.n);
  bytes_append_u32(&walk->found, (uint32_t)length);
  bytes_append(&walk->found, target, length);
  return true;
}

void list_tree(const struct job *job) {
  static struct walk walk;
  walk.job = job;
  walk.visit = list_one;
  walk.depth = job->depth < DEPTH_MAX ? job->depth : DEPTH_MAX;
  walk_begin(&walk);
  walk_run(&walk);
  walk_finish(&walk);
}
