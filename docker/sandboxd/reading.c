#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines of larger files are not counted. */
#define COUNTED_MAX (16u << 20)
#define PART (64u << 10)

static ssize_t read_at(int fd, void *p, size_t n, uint64_t at) {
  ssize_t got;
  do got = pread(fd, p, n, (off_t)at);
  while (got < 0 && errno == EINTR);
  return got;
}

/* Line breaks from `from` up to `to`, or to the end. *last: the last byte there. */
static uint64_t count_breaks(int fd, uint64_t from, uint64_t to, char *last) {
  static char part[PART];
  uint64_t count = 0;
  while (from < to) {
    ssize_t n = read_at(fd, part, to - from < PART ? (size_t)(to - from) : PART, from);
    if (n <= 0) break;
    for (char *p = part; (p = memchr(p, '\n', (size_t)(part + n - p))); p++) count++;
    *last = part[n - 1];
    from += (uint64_t)n;
  }
  return count;
}

/* The number of the first line shown, and of all lines; the last one may lack its line break. */
static void report_lines(const struct job *job, int fd, uint64_t size) {
  char last = '\n';
  uint64_t before = count_breaks(fd, 0, job->offset, &last);
  uint64_t all = before + count_breaks(fd, job->offset, size, &last);
  job_fact(FACT_FIRST_LINE, before + 1);
  job_fact(FACT_LINES, all + (last != '\n'));
}

static bool same_time(struct timespec a, struct timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

/* Size 0 is also that of files whose content the kernel makes when it is read: then it is not known. */
static void report(const struct job *job, int fd, const struct stat *before, size_t found, bool at_end) {
  struct stat st;
  uint64_t end = job->offset + found;
  if (fstat(fd, &st) < 0) answer(job, errno, NULL);
  uint64_t size = (uint64_t)st.st_size;
  bool known = size > 0 || found == 0;
  if (found > 0 && size < end) size = end;
  job_count(FACT_AT_END, at_end);
  job_count(FACT_CHANGED, known && (st.st_size != before->st_size || !same_time(st.st_mtim, before->st_mtim)));
  if (known) job_fact(FACT_SIZE_BYTES, size);
  bool part = job->offset > 0 || !at_end;
  if (known && part && found > 0 && size <= COUNTED_MAX) report_lines(job, fd, size);
}

void read_part(const struct job *job) {
  int error;
  struct stat before;
  int fd = open_named(job->path, O_RDONLY, 0, &error);
  if (fd < 0) answer(job, error, NULL);
  size_t length = job->length < RESULT_MAX ? (size_t)job->length : RESULT_MAX;
  /* One more byte tells whether the file goes on. */
  struct bytes found = {.p = malloc(length + 1), .cap = length + 1};
  if (!found.p || fstat(fd, &before) < 0) answer(job, found.p ? errno : ENOMEM, NULL);
  ssize_t n = 1;
  while (found.n <= length && n > 0) {
    n = read_at(fd, found.p + found.n, length + 1 - found.n, job->offset + found.n);
    if (n < 0) answer(job, errno, NULL);
    found.n += (size_t)n;
  }
  bool at_end = found.n <= length;
  if (!at_end) found.n = length;
  report(job, fd, &before, found.n, at_end);
  answer(job, 0, &found);
}
