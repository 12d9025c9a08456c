#include "command.h"

#include <errno.h>
#include <unistd.h>

int command_start(struct call *call, struct launch *launch, uint64_t keep) {
  launch->streams[1] = capture_open(&call->out, keep);
  launch->streams[2] = capture_open(&call->err, keep);
  call->stage = STAGE_FORK;
  int error = launch->streams[1] < 0 || launch->streams[2] < 0 ? EMFILE : spawn(&call->own, launch);
  if (launch->streams[1] >= 0) close(launch->streams[1]);
  if (launch->streams[2] >= 0) close(launch->streams[2]);
  return error;
}
