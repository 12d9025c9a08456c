/* What a start frame asks for, and commands without a shell. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandboxd.h"

#define TIMEOUT_MAX_MS (24ull * 3600 * 1000)
#define KEEP_MAX (1u << 20)

static bool put_number(struct request *r, uint8_t tag, struct span value) {
  uint64_t *const targets[] = {[1] = &r->kind,    [2] = &r->timeout_ms, [3] = &r->keep_bytes, [4] = &r->output_bytes,
                               [11] = &r->offset, [12] = &r->length,    [13] = &r->mode,      [14] = &r->depth,
                               [15] = &r->limit};
  return field_number(value, targets[tag]);
}

static bool put_text(struct request *r, uint8_t tag, struct span value) {
  if (tag == 9) {
    r->data = value;
    return true;
  }
  /* All others become C strings. */
  if (value.n > 0 && memchr(value.p, 0, value.n)) return false;
  switch (tag) {
    case 5: r->text = value; return true;
    case 6:
      if (r->argc == sizeof r->argv / sizeof r->argv[0]) return false;
      r->argv[r->argc++] = value;
      return true;
    case 7:
      if (r->envc == sizeof r->env / sizeof r->env[0]) return false;
      r->env[r->envc++] = value;
      return true;
    case 8: r->directory = value; return r->has_directory = true;
    case 10: r->path = value; return true;
    case 16: r->pattern = value; return true;
    case 17: r->glob = value; return r->has_glob = true;
    default: return true; /* of a newer controller */
  }
}

bool request_parse(struct span fields, struct request *out) {
  uint8_t tag;
  struct span value;
  memset(out, 0, sizeof *out);
  while (field_next(&fields, &tag, &value)) {
    bool numeric = (tag >= 1 && tag <= 4) || (tag >= 11 && tag <= 15);
    if (!(numeric ? put_number(out, tag, value) : put_text(out, tag, value))) return false;
  }
  if (fields.n > 0 || out->kind < SHELL || out->kind > PROBE) return false;
  if (out->timeout_ms > TIMEOUT_MAX_MS) out->timeout_ms = TIMEOUT_MAX_MS;
  if (out->keep_bytes > KEEP_MAX) out->keep_bytes = KEEP_MAX;
  return out->kind != EXEC || out->argc > 0;
}

char *span_string(struct span s) {
  char *text = malloc(s.n + 1);
  if (!text) _exit(70);
  if (s.n > 0) memcpy(text, s.p, s.n);
  text[s.n] = 0;
  return text;
}

int memory_file(const void *p, size_t n) {
  int fd = memfd_create("stdin", MFD_CLOEXEC);
  if (fd < 0) return -1;
  for (size_t at = 0; at < n;) {
    ssize_t written = write(fd, (const uint8_t *)p + at, n - at);
    if (written <= 0) {
      close(fd);
      return -1;
    }
    at += (size_t)written;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

int start_with_pipes(struct call *call, struct launch *launch, uint64_t keep) {
  launch->streams[1] = capture_open(&call->out, keep);
  launch->streams[2] = capture_open(&call->err, keep);
  call->stage = STAGE_FORK;
  int error = launch->streams[1] < 0 || launch->streams[2] < 0 ? EMFILE : spawn(&call->own, launch);
  if (launch->streams[1] >= 0) close(launch->streams[1]);
  if (launch->streams[2] >= 0) close(launch->streams[2]);
  return error;
}

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

static void free_strings(char **strings) {
  for (char **s = strings; *s; s++) free(*s);
  free(strings);
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
  int error = request->data.n && input < 0 ? ENOMEM : start_with_pipes(call, &launch, request->keep_bytes);
  if (input >= 0) close(input);
  free(directory);
  free(environment);
  free_strings(candidates);
  free_strings(added);
  free_strings(argv);
  return error;
}

int probe_start(struct call *call) {
  static const char *const none[] = {NULL};
  static char *const argv[] = {"sandboxd", "--noop", NULL};
  struct launch launch = {none, argv, settings.environment, "/", {settings.null_fd, -1, -1}, -1};
  return start_with_pipes(call, &launch, 0);
}
