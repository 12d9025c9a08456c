#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "clock.h"

#define NAMES_MAX 200000
/* For counting what the answer has no room for. */
#define COUNTING_MS 2000

bool walk_room(struct walk *walk, size_t wanted) {
  walk->total++;
  if (!walk->full && walk->count < walk->job->limit && walk->found.n + wanted <= RESULT_MAX) {
    walk->count++;
    return true;
  }
  if (!walk->full && now_ms() + COUNTING_MS < walk->give_up_at) walk->give_up_at = now_ms() + COUNTING_MS;
  return !(walk->full = true);
}

bool walk_late(struct walk *walk) {
  if (!walk->late && now_ms() >= walk->give_up_at) walk->late = walk->uncounted = true;
  return walk->late;
}

void walk_unread(uint64_t *count, int error) {
  if (error != ENOENT && error != ELOOP) ++*count;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char **sorted_names(struct walk *walk, DIR *directory, size_t *count) {
  struct bytes list = {0};
  *count = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (*count == NAMES_MAX) {
      walk->uncounted = true;
      break;
    }
    char *name = strdup(entry->d_name);
    if (!name) _exit(70);
    bytes_append(&list, &name, sizeof name);
    ++*count;
  }
  if (*count > 0) qsort(list.p, *count, sizeof(char *), by_bytes);
  return (char **)(void *)list.p;
}

/* Of the kernel, not of files: endless, and different for each reader. */
static bool is_system(int fd) {
  static const unsigned long magics[] = {0x9fa0,     0x62656572, 0x27e0eb,   0x63677270,
                                         0x74726163, 0x64626720, 0x73636673, 0xcafe4a11};
  struct statfs fs;
  if (fstatfs(fd, &fs) < 0) return false;
  for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
    if (((unsigned long)fs.f_type & 0xffffffff) == magics[i]) return true;
  return false;
}

static void descend(struct walk *walk, int fd, uint64_t depth);

static void enter(struct walk *walk, int directory, const char *name, uint64_t depth) {
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    walk_unread(&walk->unread_folders, errno);
  } else if (!walk->in_system && is_system(fd)) {
    walk->system_folders++;
    close(fd);
  } else {
    descend(walk, fd, depth + 1);
  }
}

static void terminate(struct walk *walk) {
  bytes_append(&walk->path, "", 1);
  walk->path.n--;
}

static void visit_one(struct walk *walk, int directory, const char *name, uint64_t depth) {
  struct stat st;
  size_t before = walk->path.n;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
    walk_unread(&walk->unread_files, errno);
    return;
  }
  if (before > 0 && walk->path.p[before - 1] != '/') bytes_append(&walk->path, "/", 1);
  bytes_append(&walk->path, name, strlen(name));
  terminate(walk);
  if (walk->visit(walk, directory, name, &st) && S_ISDIR(st.st_mode)) {
    if (depth < walk->depth) enter(walk, directory, name, depth);
    else walk->deep_folders++;
  }
  walk->path.n = before;
}

/* Owns `fd`. */
static void descend(struct walk *walk, int fd, uint64_t depth) {
  DIR *directory = fdopendir(fd);
  size_t count;
  if (!directory) _exit(70);
  char **names = sorted_names(walk, directory, &count);
  for (size_t i = 0; i < count; i++) {
    if (!walk_late(walk)) visit_one(walk, fd, names[i], depth);
    free(names[i]);
  }
  free(names);
  closedir(directory);
}

void walk_finish(struct walk *walk) {
  walk_late(walk);
  if (walk->full || walk->uncounted || walk->unread_folders + walk->unread_files + walk->deep_folders > 0)
    walk->found.p[0] = 1;
  job_fact(FACT_TOTAL, walk->total);
  job_count(FACT_UNCOUNTED, walk->uncounted);
  job_count(FACT_OUT_OF_TIME, walk->late && !walk->full);
  job_count(FACT_UNREAD_FOLDERS, walk->unread_folders);
  job_count(FACT_UNREAD_FILES, walk->unread_files);
  job_count(FACT_DEEP_FOLDERS, walk->deep_folders);
  job_count(FACT_SYSTEM_FOLDERS, walk->system_folders);
  job_count(FACT_LINKS, walk->links);
  answer(walk->job, 0, &walk->found);
}

void walk_show(struct walk *walk, const char *path) {
  walk->path.n = 0;
  bytes_append(&walk->path, path, strlen(path));
  terminate(walk);
}

void walk_begin(struct walk *walk) {
  const char *path = walk->job->path;
  bytes_append(&walk->found, "", 1);
  walk->give_up_at = walk->job->give_up_at;
  while (path[0] == '.' && (path[1] == '/' || path[1] == 0)) {
    path++;
    while (*path == '/') path++;
  }
  walk_show(walk, path);
  if (*path && walk->path.p[walk->path.n - 1] != '/') bytes_append(&walk->path, "/", 1);
  terminate(walk);
  walk->base = walk->path.n;
}

void walk_run(struct walk *walk) {
  const struct job *job = walk->job;
  struct stat st;
  if (stat(job->path, &st) < 0) answer(job, errno, NULL);
  if (!S_ISDIR(st.st_mode)) {
    walk_show(walk, job->path);
    walk->visit(walk, AT_FDCWD, job->path, &st);
    return;
  }
  int fd = open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) answer(job, errno, NULL);
  walk->in_system = is_system(fd);
  descend(walk, fd, 1);
}
