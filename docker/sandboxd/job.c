#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own.h"

static struct bytes facts;

void job_fact(enum fact fact, uint64_t value) {
  uint8_t number = (uint8_t)fact;
  bytes_append(&facts, &number, 1);
  bytes_append_u64(&facts, value);
}

void job_count(enum fact fact, uint64_t value) {
  if (value > 0) job_fact(fact, value);
}

static void write_all(int fd, const void *p, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t written = write(fd, (const uint8_t *)p + at, n - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);
    at += (size_t)written;
  }
}

void answer(const struct job *job, int error, const struct bytes *found) {
  uint8_t head[4] = {(uint8_t)(facts.n >> 8), (uint8_t)facts.n, (uint8_t)(error >> 8), (uint8_t)error};
  write_all(job->result, head, sizeof head);
  write_all(job->result, facts.p, facts.n);
  if (found) write_all(job->result, found->p, found->n);
  _exit(0);
}

void answer_problem(const struct job *job, const char *text) {
  struct bytes found = {0};
  bytes_append(&found, text, strlen(text));
  answer(job, EBADMSG, &found);
}

char type_letter(mode_t mode) {
  if (S_ISREG(mode)) return 'f';
  if (S_ISDIR(mode)) return 'd';
  if (S_ISLNK(mode)) return 'l';
  if (S_ISFIFO(mode)) return 'p';
  if (S_ISSOCK(mode)) return 's';
  return S_ISCHR(mode) ? 'c' : 'b';
}

/* The last file that was refused is the worker's own. */
static bool own;

int open_regular(int directory, const char *path, int flags, mode_t mode, int *error) {
  struct stat st;
  int fd = openat(directory, path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
  *error = fd < 0 ? errno : 0;
  /* A FIFO without reader, and a socket. */
  if (*error == ENXIO) *error = EINVAL;
  if (fd < 0) return -1;
  if (fstat(fd, &st) < 0) *error = errno;
  else if (S_ISDIR(st.st_mode)) *error = EISDIR;
  else if (!S_ISREG(st.st_mode)) *error = EINVAL;
  else if (is_own(fd)) *error = EPERM, own = true;
  if (*error == 0) return fd;
  close(fd);
  return -1;
}

/* Why it was not opened, as far as its type tells. A link that leads nowhere is a type of its own. */
static void report_type(const char *path) {
  struct stat st;
  if (stat(path, &st) == 0 || lstat(path, &st) == 0) job_fact(FACT_TYPE, (uint8_t)type_letter(st.st_mode));
}

int open_named(const char *path, int flags, mode_t mode, int *error) {
  /* Before it is opened for writing: to open a device may already do something. */
  struct stat st;
  bool there = stat(path, &st) == 0;
  own = false;
  if (there && !S_ISREG(st.st_mode)) *error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
  int fd = there && !S_ISREG(st.st_mode) ? -1 : open_regular(AT_FDCWD, path, flags, mode, error);
  if (fd >= 0) return fd;
  report_type(path);
  job_count(FACT_OWN_PROCESS, own);
  return -1;
}
