#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 200000

void walk_cut(struct walk *walk) { walk->found.p[0] = 1; }

bool walk_room(struct walk *walk, size_t wanted) {
  if (walk->count < walk->job->limit && walk->found.n + wanted <= RESULT_MAX) return true;
  walk_cut(walk);
  walk->done = true;
  return false;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char **sorted_names(struct walk *walk, DIR *directory, size_t *count) {
  struct bytes list = {0};
  *count = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (*count == NAMES_MAX) {
      walk_cut(walk);
      break;
    }
    char *name = strdup(entry->d_name);
    if (!name) break;
    bytes_append(&list, &name, sizeof name);
    ++*count;
  }
  if (*count > 0) qsort(list.p, *count, sizeof(char *), by_bytes);
  return (char **)(void *)list.p;
}

static void descend(struct walk *walk, int fd, uint64_t depth);

static void enter(struct walk *walk, int directory, const char *name, uint64_t depth) {
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) descend(walk, fd, depth + 1);
  else walk_cut(walk);
}

static void visit_one(struct walk *walk, int directory, const char *name, uint64_t depth) {
  struct stat st;
  size_t before = walk->path.n;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return;
  if (before > 0) bytes_append(&walk->path, "/", 1);
  bytes_append(&walk->path, name, strlen(name));
  if (walk->visit(walk, directory, name, &st) && S_ISDIR(st.st_mode)) {
    if (depth < walk->depth) enter(walk, directory, name, depth);
    else if (depth >= DEPTH_MAX) walk_cut(walk);
  }
  walk->path.n = before;
}

/* Owns `fd`. */
static void descend(struct walk *walk, int fd, uint64_t depth) {
  DIR *directory = fdopendir(fd);
  size_t count;
  if (!directory) {
    close(fd);
    walk_cut(walk);
    return;
  }
  char **names = sorted_names(walk, directory, &count);
  for (size_t i = 0; i < count; i++) {
    if (!walk->done) visit_one(walk, fd, names[i], depth);
    free(names[i]);
  }
  free(names);
  closedir(directory);
}

void walk_run(struct walk *walk) {
  const struct job *job = walk->job;
  struct stat st;
  bytes_append(&walk->found, "", 1);
  if (stat(job->path, &st) < 0) answer(job, errno, NULL);
  if (!S_ISDIR(st.st_mode)) {
    bytes_append(&walk->path, job->path, strlen(job->path));
    walk->visit(walk, AT_FDCWD, job->path, &st);
    answer(job, 0, &walk->found);
  }
  int fd = open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) answer(job, errno, NULL);
  descend(walk, fd, 1);
  answer(job, 0, &walk->found);
}
