/* Listing and searching below a folder. Depth is bounded, links are not followed, and a path is never resolved
 * twice: each folder is opened relative to its parent's descriptor. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define NAMES_MAX 200000
#define LINE_MAX_BYTES 1024

struct walk {
  const struct job *job;
  struct bytes found; /* the first byte: 1 where something was left out */
  uint64_t count;
  uint64_t depth;
  struct bytes path;
  regex_t regex;
  bool done;
  bool (*visit)(struct walk *walk, int directory, const char *name, const struct stat *st);
};

static void cut(struct walk *walk) { walk->found.p[0] = 1; }

static void put32(struct bytes *b, uint32_t value) {
  uint8_t text[4];
  put_u32(text, value);
  bytes_append(b, text, sizeof text);
}

static void put64(struct bytes *b, uint64_t value) {
  uint8_t text[8];
  put_u64(text, value);
  bytes_append(b, text, sizeof text);
}

static bool room(struct walk *walk, size_t wanted) {
  if (walk->count < walk->job->limit && walk->found.n + wanted <= RESULT_MAX) return true;
  cut(walk);
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
      cut(walk);
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
  else cut(walk);
}

static void visit_one(struct walk *walk, int directory, const char *name, uint64_t depth) {
  struct stat st;
  size_t before = walk->path.n;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return;
  if (before > 0) bytes_append(&walk->path, "/", 1);
  bytes_append(&walk->path, name, strlen(name));
  if (walk->visit(walk, directory, name, &st) && S_ISDIR(st.st_mode)) {
    if (depth < walk->depth) enter(walk, directory, name, depth);
    else if (depth >= DEPTH_MAX) cut(walk);
  }
  walk->path.n = before;
}

/* Owns `fd`. */
static void descend(struct walk *walk, int fd, uint64_t depth) {
  DIR *directory = fdopendir(fd);
  size_t count;
  if (!directory) {
    close(fd);
    cut(walk);
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
  if (!room(walk, 25 + walk->path.n)) return false;
  char type = type_letter(st->st_mode);
  bytes_append(&walk->found, &type, 1);
  put64(&walk->found, (uint64_t)st->st_size);
  put64(&walk->found, (uint64_t)(st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000));
  put32(&walk->found, st->st_mode & 07777);
  put32(&walk->found, (uint32_t)walk->path.n);
  bytes_append(&walk->found, walk->path.p, walk->path.n);
  walk->count++;
  return true;
}

/* u32 length, path below the folder, u32 line number from 1, u32 length, line. */
static bool put_match(struct walk *walk, uint32_t number, const char *line, size_t n) {
  if (n > LINE_MAX_BYTES) n = LINE_MAX_BYTES;
  if (!room(walk, 12 + walk->path.n + n)) return false;
  put32(&walk->found, (uint32_t)walk->path.n);
  bytes_append(&walk->found, walk->path.p, walk->path.n);
  put32(&walk->found, number);
  put32(&walk->found, (uint32_t)n);
  bytes_append(&walk->found, line, n);
  walk->count++;
  return true;
}

static bool is_text(FILE *file) {
  char start[8192];
  size_t n = fread(start, 1, sizeof start, file);
  rewind(file);
  return memchr(start, 0, n) == NULL;
}

/* A line longer than this is matched by its beginning. */
#define LINE_HELD 65536
static void search_lines(struct walk *walk, FILE *file) {
  static char line[LINE_HELD];
  uint32_t number = 0;
  bool continued = false;
  while (!walk->done && fgets(line, sizeof line, file)) {
    size_t n = strlen(line);
    bool whole = n > 0 && line[n - 1] == '\n';
    if (whole) line[--n] = 0;
    if (!continued && ++number && regexec(&walk->regex, line, 0, NULL, 0) == 0) put_match(walk, number, line, n);
    continued = !whole;
  }
}

static bool search_one(struct walk *walk, int directory, const char *name, const struct stat *st) {
  int error;
  if (!S_ISREG(st->st_mode)) return !walk->done;
  if (walk->job->glob && fnmatch(walk->job->glob, name, 0) != 0) return true;
  int fd = open_regular(directory, name, O_RDONLY | O_NOFOLLOW, 0, &error);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
  if (!file) {
    if (fd >= 0) close(fd);
    return true;
  }
  if (is_text(file)) search_lines(walk, file);
  fclose(file);
  return true;
}

/* The path itself may be one file or link: then it is all there is to visit. */
static _Noreturn void run(struct walk *walk) {
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

void list_tree(const struct job *job) {
  static struct walk walk;
  walk.job = job;
  walk.visit = list_one;
  walk.depth = job->depth < DEPTH_MAX ? job->depth : DEPTH_MAX;
  run(&walk);
}

/* EBADMSG: the pattern is no POSIX extended regular expression. */
void search_tree(const struct job *job) {
  static struct walk walk;
  walk.job = job;
  walk.visit = search_one;
  walk.depth = DEPTH_MAX;
  if (regcomp(&walk.regex, job->pattern, REG_EXTENDED | REG_NOSUB) != 0) answer(job, EBADMSG, NULL);
  run(&walk);
}
