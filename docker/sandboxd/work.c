#include "work.h"

#include "exec.h"
#include "files.h"
#include "interpreter.h"
#include "settings.h"
#include "shell.h"

int work_start(struct call *call, const struct request *request) {
  switch (call->kind) {
    case WORK_SHELL: return shell_start(call, request);
    case WORK_PYTHON:
      if (request->as_shell) return interpreter_start(call, request, shell_directory(), shell_environment());
      return interpreter_start(call, request, settings.directory, settings.environment);
    case WORK_EXEC: return exec_start(call, request);
    case WORK_PROBE: return probe_start(call);
    default: return files_start(call, request, shell_directory(), shell_home());
  }
}

void work_start_failed(struct call *call) {
  if (call->kind == WORK_PYTHON) interpreter_finish(call);
}

bool work_interrupt(struct call *call) { return call->kind == WORK_PYTHON && interpreter_interrupt(call); }

void work_finish(struct call *call) {
  switch (call->kind) {
    case WORK_SHELL: shell_finish(call); return;
    case WORK_PYTHON: interpreter_finish(call); return;
    case WORK_EXEC:
    case WORK_PROBE: return;
    default: files_finish(call);
  }
}
