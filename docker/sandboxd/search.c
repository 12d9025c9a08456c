#include "search.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "walk.h"

#define LINE_MAX_BYTES 1024

static regex_t regex;

/* u32 length, path below the folder, u32 line number from 1, u32 length, line. */
static bool put_match(struct walk *walk, uint32_t number, const char *line, size_t n) {
  if (n > LINE_MAX_BYTES) n = LINE_MAX_BYTES;
  if (!walk_room(walk, 12 + walk->path.n + n)) return false;
  bytes_append_u32(&walk->found, (uint32_t)walk->path.n);
  bytes_append(&walk->found, walk->path.p, walk->path.n);
  bytes_append_u32(&walk->found, number);
  bytes_append_u32(&walk->found, (uint32_t)n);
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
    if (!continued && ++number && regexec(&regex, line, 0, NULL, 0) == 0) put_match(walk, number, line, n);
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

void search_tree(const struct job *job) {
  static struct walk walk;
  walk.job = job;
  walk.visit = search_one;
  walk.depth = DEPTH_MAX;
  if (regcomp(&regex, job->pattern, REG_EXTENDED | REG_NOSUB) != 0) answer(job, EBADMSG, NULL);
  walk_run(&walk);
}
