#include "exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "environment.h"
#include "settings.h"

/* The paths that execvp(3) would try. */
static char **candidates_of(const char *program, char *const *environment) {
  const char *path = environment_get(environment, "PATH");
  if (strchr(program, '/') || *program == 0) path = NULL;
  size_t n = 1, at = 0;
  for (const char *p = path; p && *p; p++) n += *p == ':';
  char **out = calloc(n + 1, sizeof *out);
  if (!out) _exit(70);
  if (!path) out[at++] = strdup(program);
  while (path && *path) {
    size_t length = strcspn(path, ":");
    if (asprintf(&out[at++], "%.*s%s%s", (int)length, path, length ? "/" : "", program) < 0) _exit(70);
    path += path[length] ? length + 1 : length;
  }
  return out;
}

static char **strings_of(const struct span *spans, size_t n) {
  char **out = calloc(n + 1, sizeof *out);
  if (!out) _exit(70);
  for (size_t i = 0; i < n; i++) out[i] = span_string(spans[i]);
  return out;
}

int exec_start(struct call *call, const struct request *request) {
  char **argv = strings_of(request->argv, request->argc), **added = strings_of(request->env, request->envc);
  char **environment = environment_with(settings.environment, added, request->envc);
  char **candidates = candidates_of(argv[0], environment);
  char *directory = request->has_directory ? span_string(request->directory) : strdup(settings.directory);
  int input = request->data.n ? memory_file(request->data.p, request->data.n) : -1;
  struct launch launch = {(const char *const *)candidates, argv, environment, directory,
                          {input < 0 ? settings.null_fd : input, -1, -1}, -1};
  int error = request->data.n && input < 0 ? ENOMEM : command_start(call, &launch, request->keep_bytes);
  if (input >= 0) close(input);
  free(directory);
  free(environment);
  strings_free(candidates);
  strings_free(added);
  strings_free(argv);
  return error;
}

int probe_start(struct call *call) {
  static const char *const none[] = {NULL};
  static char *const argv[] = {"sandboxd", "--noop", NULL};
  struct launch launch = {none, argv, settings.environment, "/", {settings.null_fd, -1, -1}, -1};
  return command_start(call, &launch, 0);
}
