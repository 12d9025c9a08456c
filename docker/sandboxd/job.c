#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_all(int fd, const void *p, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t written = write(fd, (const uint8_t *)p + at, n - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);
    at += (size_t)written;
  }
}

void answer(const struct job *job, int error, const struct bytes *found) {
  uint8_t head[4];
  put_u32(head, (uint32_t)error);
  write_all(job->result, head, sizeof head);
  if (found) write_all(job->result, found->p, found->n);
  _exit(0);
}

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
  if (*error == 0) return fd;
  close(fd);
  return -1;
}
