#include "search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "glob.h"
#include "lines.h"
#include "matcher.h"
#include "pattern.h"
#include "walk.h"

/* Of a longer line this much is shown, around the match. */
#define SHOWN_MAX 1024

static struct matcher matcher;
static struct glob glob;
static uint64_t searched, utf16_files, long_lines;

/* u32 length, path, u32 line number from 1 (0: the file is binary), u32 bytes left out before the text, u32 the line's
 * length, u32 length, text. */
static void put_match(struct walk *walk, uint32_t number, const struct line *line, size_t end) {
  size_t from = line->n > SHOWN_MAX && end > SHOWN_MAX / 2 ? end - SHOWN_MAX / 2 : 0;
  if (from + SHOWN_MAX > line->n) from = line->n > SHOWN_MAX ? line->n - SHOWN_MAX : 0;
  size_t n = number == 0 ? 0 : line->n - from < SHOWN_MAX ? line->n - from : SHOWN_MAX;
  if (!walk_room(walk, 20 + walk->path.n + n)) return;
  bytes_append_u32(&walk->found, (uint32_t)walk->path.n);
  bytes_append(&walk->found, walk->path.p, walk->path.n);
  bytes_append_u32(&walk->found, number);
  bytes_append_u32(&walk->found, (uint32_t)from);
  bytes_append_u32(&walk->found, (uint32_t)line->n);
  bytes_append_u32(&walk->found, (uint32_t)n);
  bytes_append(&walk->found, line->p + from, n);
}

/* Of a binary file only that it matches is reported. */
static void search_lines(struct walk *walk, struct line_reader *reader) {
  struct line line;
  size_t end;
  for (uint32_t number = 1; !walk_late(walk) && next_line(reader, &line); number++) {
    if (line.cut) long_lines++;
    matcher.give_up_at = walk->give_up_at;
    if (!matcher_find(&matcher, line.p, line.n, &end)) continue;
    put_match(walk, reader->is_binary ? 0 : number, &line, end);
    if (reader->is_binary) return;
  }
}

static void search_file(struct walk *walk, int fd) {
  static struct line_reader reader;
  begin_lines(&reader, fd, walk->give_up_at);
  if (reader.is_utf16) {
    utf16_files++;
  } else {
    searched++;
    search_lines(walk, &reader);
  }
  if (reader.error) walk_unread(&walk->unread_files, reader.error);
  close(fd);
}

static bool search_one(struct walk *walk, int directory, const char *name, const struct stat *st) {
  int error;
  bool matches = walk->job->glob && glob_matches(&glob, name, (const char *)walk->path.p + walk->base);
  if (S_ISDIR(st->st_mode)) return !(matches && glob.negated);
  if (walk->job->glob && matches == glob.negated) return true;
  if (S_ISLNK(st->st_mode)) walk->links++;
  if (!S_ISREG(st->st_mode)) return true;
  int fd = open_regular(directory, name, O_RDONLY | O_NOFOLLOW, 0, &error);
  if (fd < 0) walk_unread(&walk->unread_files, error);
  else search_file(walk, fd);
  return true;
}

static void refuse(const struct job *job, const char *what, const struct pattern_problem *problem) {
  char text[256], place[48] = "";
  if (problem->character > 0) snprintf(place, sizeof place, ", at character %zu", problem->character);
  const char *form = problem->unsupported ? "this %s is not supported: %s%s" : "not a %s: %s%s";
  snprintf(text, sizeof text, form, what, problem->text, place);
  answer_problem(job, text);
}

/* One file that was named is searched whatever the glob, and a link to it is followed. */
static void search_named(struct walk *walk) {
  const char *path = walk->job->path;
  int error, fd = open_named(path, O_RDONLY, 0, &error);
  if (fd < 0) answer(walk->job, error, NULL);
  walk_show(walk, path);
  search_file(walk, fd);
}

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void search_tree(const struct job *job) {
  static struct walk walk;
  struct program program;
  struct pattern_problem problem;
  if (!pattern_compile(job->pattern, false, &program, &problem)) refuse(job, "regular expression", &problem);
  matcher_init(&matcher, program);
  walk.job = job;
  walk_begin(&walk);
  if (job->glob && !glob_compile(job->glob, (const char *)walk.path.p, &glob, &problem)) refuse(job, "glob", &problem);
  walk.visit = search_one;
  walk.depth = DEPTH_MAX;
  if (is_folder(job->path)) walk_run(&walk);
  else search_named(&walk);
  job_fact(FACT_SEARCHED_FILES, searched);
  job_count(FACT_UTF16_FILES, utf16_files);
  job_count(FACT_LONG_LINES, long_lines);
  walk_finish(&walk);
}
