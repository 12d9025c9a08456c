#include "writing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_parents(const char *path) {
  char *copy = strdup(path);
  for (char *slash = copy && *copy ? strchr(copy + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(copy, 0755);
    *slash = '/';
  }
  free(copy);
}

static bool exceeds_file_limit(uint64_t size) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur;
}

/* Takes the space before the old content is touched. 0, also where the file system cannot; else the errno. */
static int reserve(int fd, uint64_t size) {
  if (exceeds_file_limit(size)) return EFBIG;
  if (size == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0) return 0;
  return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? errno : 0;
}

struct target {
  int fd;
  bool made, by_link; /* by_link: where a link led to nothing */
  uint64_t before; /* its size */
};

static int open_target(const struct job *job, struct target *target) {
  struct stat st;
  int error, flags = O_WRONLY;
  mode_t mode = (mode_t)(job->mode & 07777);
  target->made = job->offset == 0 && stat(job->path, &st) < 0 && errno == ENOENT;
  target->by_link = target->made && lstat(job->path, &st) == 0;
  if (target->made) {
    umask(022);
    make_parents(job->path);
  }
  umask(0);
  if (job->offset == 0) flags |= O_CREAT;
  target->fd = open_named(job->path, flags, mode, &error);
  if (target->fd < 0) return error;
  target->before = fstat(target->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
  return 0;
}

/* Nothing was written: what was there is there still, and what was made goes. */
static _Noreturn void restore(const struct job *job, const struct target *target, int error) {
  bool restored;
  if (target->made) restored = !target->by_link && unlink(job->path) == 0;
  /* Gives back what was reserved beyond the end. */
  else restored = ftruncate(target->fd, (off_t)target->before) == 0;
  job_count(FACT_RESTORED, restored);
  answer(job, error, NULL);
}

/* The errno, or 0. *written: how much. */
static int write_data(const struct job *job, int fd, size_t *written) {
  while (*written < job->data.n) {
    ssize_t n = pwrite(fd, job->data.p + *written, job->data.n - *written, (off_t)(job->offset + *written));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC;
    *written += (size_t)n;
  }
  return 0;
}

static void report_size(int fd) {
  struct stat st;
  if (fstat(fd, &st) == 0) job_fact(FACT_SIZE_BYTES, (uint64_t)st.st_size);
}

void write_part(const struct job *job) {
  struct target target = {.fd = -1};
  size_t written = 0;
  int error = open_target(job, &target);
  if (error) answer(job, error, NULL);
  job_count(FACT_CREATED, target.made);
  job_fact(FACT_BEFORE_BYTES, target.before);
  error = reserve(target.fd, job->offset + job->data.n);
  if (error) restore(job, &target, error);
  error = write_data(job, target.fd, &written);
  job_fact(FACT_WRITTEN_BYTES, written);
  /* What was reserved and not needed goes, and so does the end of longer content. */
  uint64_t end = job->offset + written;
  if (job->offset == 0 && ftruncate(target.fd, (off_t)end) < 0 && !error) error = errno;
  report_size(target.fd);
  /* Some file systems report a full disk or quota only here. */
  if (close(target.fd) < 0 && !error) error = errno;
  answer(job, error, NULL);
}
