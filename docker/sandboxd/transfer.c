#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void read_part(const struct job *job) {
  int error;
  int fd = open_regular(AT_FDCWD, job->path, O_RDONLY, 0, &error);
  if (fd < 0) answer(job, error, NULL);
  size_t length = job->length < RESULT_MAX ? (size_t)job->length : RESULT_MAX;
  struct bytes found = {.p = malloc(length + 1), .cap = length + 1};
  while (found.p && found.n < length) {
    ssize_t n = pread(fd, found.p + found.n, length - found.n, (off_t)(job->offset + found.n));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) answer(job, errno, NULL);
    if (n == 0) break;
    found.n += (size_t)n;
  }
  answer(job, found.p ? 0 : ENOMEM, &found);
}

static void make_parents(const char *path) {
  char *copy = strdup(path);
  for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(copy, 0755);
    *slash = '/';
  }
  free(copy);
}

void write_part(const struct job *job) {
  int error;
  int flags = O_WRONLY | (job->offset == 0 ? O_CREAT : 0);
  umask(022);
  if (job->offset == 0) make_parents(job->path);
  umask(0);
  int fd = open_regular(AT_FDCWD, job->path, flags, (mode_t)(job->mode & 07777), &error);
  if (fd < 0) answer(job, error, NULL);
  if (job->offset == 0 && ftruncate(fd, 0) < 0) answer(job, errno, NULL);
  for (size_t at = 0; at < job->data.n;) {
    ssize_t n = pwrite(fd, job->data.p + at, job->data.n - at, (off_t)(job->offset + at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) answer(job, n < 0 ? errno : ENOSPC, NULL);
    at += (size_t)n;
  }
  /* Some file systems report a full disk or quota only here. */
  answer(job, close(fd) < 0 ? errno : 0, NULL);
}
