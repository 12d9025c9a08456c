/* File work: a worker that has dropped to the model's user does it, PID 1 only collects the answer. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

void read_whole(const struct job *job) {
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

void write_whole(const struct job *job) {
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
  /* Some file systems tell of a full disk or quota here only. */
  answer(job, close(fd) < 0 ? errno : 0, NULL);
}

static const char *work_directory;

/* Only the answer's pipe is kept: the worker must hold nothing of PID 1 that a hostile file could do harm through. */
static void keep_only(struct job *job) {
  if (dup2(job->result, 3) < 0) _exit(126);
  job->result = 3;
  for (int fd = 0; fd < 3; fd++) dup2(settings.null_fd, fd);
  for (int fd = 4; fd < 1024; fd++) close(fd);
}

static void work(void *argument) {
  struct job *job = argument;
  /* A file size limit is an error to report, not a signal to die by. */
  signal(SIGXFSZ, SIG_IGN);
  keep_only(job);
  if (chdir(work_directory) < 0 && chdir("/") < 0) _exit(126);
  if (job->kind == READ_FILE) read_whole(job);
  if (job->kind == WRITE_FILE) write_whole(job);
  if (job->kind == LIST_FILES) list_tree(job);
  search_tree(job);
}

int files_start(struct call *call, const struct request *request) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return errno;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  char *path = span_string(request->path), *pattern = span_string(request->pattern);
  char *glob = request->has_glob ? span_string(request->glob) : NULL;
  struct job job = {.kind = call->kind, .path = path, .pattern = pattern, .glob = glob,
                    .offset = request->offset, .length = request->length, .mode = request->mode,
                    .depth = request->depth, .limit = request->limit, .data = request->data, .result = ends[1]};
  work_directory = shell_directory();
  call->stage = STAGE_FORK;
  sha256_begin(&call->out.sha);
  sha256_begin(&call->err.sha);
  int error = spawn_worker(&call->own, work, &job);
  close(ends[1]);
  call->result_fd = ends[0];
  watch(call->result_fd);
  free(path);
  free(pattern);
  free(glob);
  return error;
}

/* Killed, or it answered nothing: EINTR, and the wait status says how it ended. */
void files_finish(struct call *call) {
  struct bytes *payload = &call->payload;
  if (payload->n < 4) {
    call->error = EINTR;
    payload->n = 0;
    return;
  }
  call->error = payload->p[2] << 8 | payload->p[3];
  payload->n -= 4;
  memmove(payload->p, payload->p + 4, payload->n);
  if (payload->n > RESULT_MAX) payload->n = RESULT_MAX;
}
