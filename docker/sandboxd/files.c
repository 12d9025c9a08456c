#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "listing.h"
#include "search.h"
#include "settings.h"
#include "spawn.h"
#include "transfer.h"
#include "watch.h"

static const char *work_directory;

/* Keeps only the pipe for the answer, so that no file of the model can reach a descriptor of PID 1 through the worker. */
static void keep_only(struct job *job) {
  if (dup2(job->result, 3) < 0) _exit(126);
  job->result = 3;
  for (int fd = 0; fd < 3; fd++) dup2(settings.null_fd, fd);
  for (int fd = 4; fd < 1024; fd++) close(fd);
}

static void work(void *argument) {
  struct job *job = argument;
  /* Beyond a file size limit writing then fails with EFBIG, which is reported. */
  signal(SIGXFSZ, SIG_IGN);
  keep_only(job);
  if (chdir(work_directory) < 0 && chdir("/") < 0) _exit(126);
  if (job->kind == WORK_READ_FILE) read_part(job);
  if (job->kind == WORK_WRITE_FILE) write_part(job);
  if (job->kind == WORK_LIST_FILES) list_tree(job);
  search_tree(job);
}

int files_start(struct call *call, const struct request *request, const char *directory) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return errno;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  char *path = span_string(request->path), *pattern = span_string(request->pattern);
  char *glob = request->has_glob ? span_string(request->glob) : NULL;
  struct job job = {.kind = call->kind, .path = path, .pattern = pattern, .glob = glob,
                    .offset = request->offset, .length = request->length, .mode = request->mode,
                    .depth = request->depth, .limit = request->limit, .data = request->data, .result = ends[1]};
  work_directory = directory;
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
