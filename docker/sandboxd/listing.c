#include "listing.h"

#include "walk.h"

static char type_letter(mode_t mode) {
  if (S_ISREG(mode)) return 'f';
  if (S_ISDIR(mode)) return 'd';
  if (S_ISLNK(mode)) return 'l';
  if (S_ISFIFO(mode)) return 'p';
  if (S_ISSOCK(mode)) return 's';
  return S_ISCHR(mode) ? 'c' : 'b';
}

/* u8 type, u64 size, i64 modification time in ms, u32 permission bits, u32 length, path below the folder. */
static bool list_one(struct walk *walk, int directory, const char *name, const struct stat *st) {
  (void)directory, (void)name;
  if (!walk_room(walk, 25 + walk->path.n)) return false;
  char type = type_letter(st->st_mode);
  bytes_append(&walk->found, &type, 1);
  bytes_append_u64(&walk->found, (uint64_t)st->st_size);
  bytes_append_u64(&walk->found, (uint64_t)(st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000));
  bytes_append_u32(&walk->found, st->st_mode & 07777);
  bytes_append_u32(&walk->found, (uint32_t)walk->path.n);
  bytes_append(&walk->found, walk->path.p, walk->path.n);
  walk->count++;
  return true;
}

void list_tree(const struct job *job) {
  static struct walk walk;
  walk.job = job;
  walk.visit = list_one;
  walk.depth = job->depth < DEPTH_MAX ? job->depth : DEPTH_MAX;
  walk_run(&walk);
}
