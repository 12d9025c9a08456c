#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "job.h"
#include "listing.h"
#include "place.h"
#include "reading.h"
#include "search.h"
#include "settings.h"
#include "spawn.h"
#include "watch.h"
#include "writing.h"

static const char *work_directory;
/* Where the path begins with a tilde: what that stands for. */
static const char *work_home;

/* Keeps only the pipe for the answer, so that no file of the model can reach a descriptor of PID 1 through the worker. */
static void keep_only(struct job *job) {
  if (dup2(job->result, 3) < 0) _exit(126);
  job->result = 3;
  for (int fd = 0; fd < 3; fd++) dup2(settings.null_fd, fd);
  if (syscall(SYS_close_range, 4, ~0u, 0) == 0) return;
  for (long fd = 4, end = sysconf(_SC_OPEN_MAX); fd < end; fd++) close((int)fd);
}

/* Where the working directory is gone, a relative path names nothing. */
static void enter_directory(const struct job *job) {
  if (chdir(work_directory) == 0) return;
  int error = errno;
  if (chdir("/") < 0) _exit(126);
  if (job->path[0] == '/') return;
  job_fact(FACT_DIRECTORY_GONE, 1);
  answer(job, error, NULL);
}

static void work(void *argument) {
  struct job *job = argument;
  /* Beyond a file size limit writing then fails with EFBIG, which is reported. */
  signal(SIGXFSZ, SIG_IGN);
  keep_only(job);
  if (work_home) job->path = expand_home(job->path, work_home);
  enter_directory(job);
  if (job->kind == WORK_READ_FILE) read_part(job);
  if (job->kind == WORK_WRITE_FILE) write_part(job);
  if (job->kind == WORK_LIST_FILES) list_tree(job);
  search_tree(job);
}

/* What is left of the time limit is for the answer. */
static int64_t give_up_at(const struct request *request) {
  return now_ms() + (int64_t)(request->timeout_ms - request->timeout_ms / 8);
}

int files_start(struct call *call, const struct request *request, const char *directory, const char *home) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return errno;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  char *path = span_string(request->path), *pattern = span_string(request->pattern);
  char *glob = request->has_glob ? span_string(request->glob) : NULL;
  struct job job = {.kind = call->kind, .path = path, .pattern = pattern, .glob = glob,
                    .offset = request->offset, .length = request->length, .mode = request->mode,
                    .depth = request->depth, .limit = request->limit, .data = request->data, .result = ends[1],
                    .give_up_at = give_up_at(request)};
  work_directory = directory;
  work_home = request->home_path ? home : NULL;
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

void files_finish(struct call *call) {
  struct bytes *payload = &call->payload;
  size_t facts_n = payload->n < 4 ? 0 : (size_t)(payload->p[0] << 8 | payload->p[1]);
  if (payload->n < 4 + facts_n) {
    call->error = EINTR;
    payload->n = 0;
    return;
  }
  call->error = payload->p[2] << 8 | payload->p[3];
  call->facts_n = facts_n;
  payload->n -= 4;
  memmove(payload->p, payload->p + 4, payload->n);
  if (payload->n > facts_n + RESULT_MAX) payload->n = facts_n + RESULT_MAX;
}
