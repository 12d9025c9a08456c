#include "shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "environment.h"
#include "exports.h"
#include "saved.h"
#include "settings.h"
#include "syntax.h"

#define FILE_UNDER "/proc/self/fd/198"
_Static_assert(INHERITED_FD == 198, "FILE_UNDER names the inherited descriptor");
/* Of the file; of a longer one only the directory is taken. */
#define STATE_MAX (2 * 1024 * 1024)

static struct {
  char *directory;
  char **environment; /* NULL: still that of the image */
  char *functions;    /* exported ones, as source text */
} state;

/* Writes: NUL, directory, newline, NUL, exports, NUL, functions, NUL, "end". Options are reset first, as the command may
 * have set -u, -x or -C. */
#define SAVE_COMMON "set +exu; command pwd -P; command printf \"\\0\"; command export -p; command printf \"\\0\";"
#define SAVE_BASH "{ builtin trap - DEBUG ERR RETURN; builtin printf \"\\0\"; " SAVE_COMMON \
                  " command export -fp; command printf \"\\0end\"; } 2>/dev/null >|" FILE_UNDER
#define SAVE_SH "{ command printf \"\\0\"; " SAVE_COMMON " command printf end; } 2>/dev/null >|" FILE_UNDER

/* For commands that contain "trap": the model's own EXIT trap runs first and sandboxd's after it, and `trap -p` shows only
 * the model's. */
static const char TRAP_FUNCTION[] =
    "trap() {\n"
    "  { local -; set +xeu; } 2>/dev/null\n"
    "  if [ \"$BASHPID\" != \"$$\" ] || [[ $* == *DEBUG* || $* == *RETURN* ]]; then\n"
    "    builtin trap \"$@\"\n"
    "  else\n"
    "  if [ -n \"${__faultline_exit+x}\" ]; then builtin trap -- \"$__faultline_exit\" EXIT; else builtin trap - EXIT; fi\n"
    "  builtin trap \"$@\" 2>/dev/null\n"
    "  local status=$? args error\n"
    "  if [ $status != 0 ]; then\n"
    "    error=$(builtin trap \"$@\" 2>&1 >/dev/null)\n"
    "    while [[ $error =~ (.*)" FILE_UNDER ":\\ line\\ [0-9]+:(.*) ]]; do\n"
    "      error=\"${BASH_REMATCH[1]}bash: line ${BASH_LINENO[0]}:${BASH_REMATCH[2]}\"\n"
    "    done\n"
    "    builtin printf '%s\\n' \"$error\" >&2\n"
    "  fi\n"
    "  eval \"args=($(builtin trap -p EXIT))\"\n"
    "  if [ ${#args[@]} -gt 2 ]; then __faultline_exit=${args[2]}; else unset __faultline_exit; fi\n"
    "  builtin trap -- \"${__faultline_exit-}\"$'\\n''" SAVE_BASH "' EXIT\n"
    "  builtin return $status\n"
    "  fi\n"
    "}\n";

const char *shell_directory(void) { return state.directory ? state.directory : settings.directory; }

char **shell_environment(void) { return state.environment ? state.environment : settings.environment; }
const char *shell_home(void) {
  const char *home = state.environment ? environment_get(state.environment, "HOME") : NULL;
  return home && home[0] == '/' ? home : settings.home_directory;
}

static void text(struct bytes *b, const char *s) { bytes_append(b, s, strlen(s)); }

static void quoted(struct bytes *b, const char *s) {
  text(b, "'");
  for (; *s; s++) {
    if (*s == '\'') text(b, "'\\''");
    else bytes_append(b, s, 1);
  }
  text(b, "'");
}

static void bash_prelude(struct bytes *b, const char *command, bool plain, char **environment) {
  const char *own = environment_get(environment, "BASH_ENV");
  text(b, "unset BASH_ENV\n");
  if (state.functions) text(b, state.functions);
  if (!plain) text(b, "trap '" SAVE_BASH "' EXIT\n");
  if (!plain && strstr(command, "trap")) text(b, TRAP_FUNCTION);
  if (!own) {
    /* What `$_` is in the first command of `bash -c`. */
    text(b, ": bash\n");
    return;
  }
  text(b, "export BASH_ENV=");
  quoted(b, own);
  text(b, "\n. \"$BASH_ENV\"\n");
}

/* A command too long for one argument is passed in the file. */
static void long_command(struct bytes *b, const char *command) {
  text(b, "__faultline_command=");
  quoted(b, command);
  text(b, "\n");
}

static int start_bash(struct call *call, struct launch *launch, const char *command, uint64_t keep) {
  bool plain = (is_plain(command) && !state.functions) || shows_input(command), longer = strlen(command) > ARGUMENT_MAX;
  bool prelude = !plain || state.functions || longer;
  char **environment = launch->environment ? (char **)launch->environment : NULL;
  static char *const env_file[] = {"BASH_ENV=" FILE_UNDER};
  char *argv[] = {"bash", "-c", longer ? "eval \"$__faultline_command\"" : (char *)command, NULL};
  struct bytes b = {0};
  bool unwritten = false;
  if (prelude) {
    bash_prelude(&b, command, plain, environment);
    if (longer) long_command(&b, command);
    call->memo_fd = memory_file(b.p, b.n);
    unwritten = call->memo_fd < 0;
    launch->environment = environment_with(environment, env_file, 1);
  }
  launch->argv = argv;
  launch->inherited = call->memo_fd;
  int error = unwritten ? ENOMEM : command_start(call, launch, keep);
  if (prelude) free((void *)launch->environment);
  bytes_free(&b);
  return error;
}

/* These shells read no start file: the trap stands before the command, on the same line to keep line numbers. */
static int start_sh(struct call *call, struct launch *launch, const char *command, uint64_t keep) {
  bool plain = is_plain(command) || shows_input(command), longer = strlen(command) > ARGUMENT_MAX;
  struct bytes line = {0}, b = {0};
  if (longer) text(&line, ". " FILE_UNDER "; ");
  if (!plain) text(&line, "trap '" SAVE_SH "' EXIT; ");
  text(&line, longer ? "eval \"$__faultline_command\"" : command);
  bytes_append(&line, "", 1);
  if (longer) long_command(&b, command);
  if (!plain || longer) call->memo_fd = memory_file(b.p, b.n);
  /* Without the file a long command would be an empty one that succeeds. */
  bool unwritten = (!plain || longer) && call->memo_fd < 0;
  char *argv[] = {"sh", "-c", (char *)line.p, NULL};
  launch->argv = argv;
  launch->inherited = call->memo_fd;
  int error = unwritten ? ENOMEM : command_start(call, launch, keep);
  bytes_free(&line);
  bytes_free(&b);
  return error;
}

int shell_start(struct call *call, const struct request *request) {
  call->stage = STAGE_EXEC;
  if (!settings.shell) return ENOENT;
  const char *const candidates[] = {settings.shell, NULL};
  struct launch launch = {.candidates = candidates,
                          .environment = shell_environment(),
                          .directory = shell_directory(),
                          .streams = {settings.null_fd, -1, -1}};
  char *command = span_string(request->text);
  call->may_set_state = state.functions || may_set_state(command);
  int error = settings.shell_is_bash ? start_bash(call, &launch, command, request->keep_bytes)
                                     : start_sh(call, &launch, command, request->keep_bytes);
  free(command);
  return error;
}

/* SHLVL of the image, so that each shell counts from there, as the first one did. */
static char **with_level(char **environment) {
  const char *level = environment_get(settings.environment, "SHLVL");
  char *entry = NULL;
  if (!level || asprintf(&entry, "SHLVL=%s", level) < 0) return environment;
  char **out = environment_with(environment, &entry, 1);
  free(environment);
  return out;
}

static void note_dropped(struct call *call, const struct bytes *dropped) {
  for (size_t at = 0; at < dropped->n; at += strlen((const char *)dropped->p + at) + 1) {
    const char *name = (const char *)dropped->p + at;
    call_note_unkept(call, UNKEPT_VARIABLE, name, strlen(name));
  }
}

/* False where they are no exports, or too many to be kept. */
static bool adopt_exports(struct call *call, const struct saved *saved) {
  char **environment = saved->exports ? exports_parse(saved->exports) : NULL;
  struct bytes dropped = {0};
  bool fits = environment && saved_fit(environment, &dropped);
  if (fits) {
    note_dropped(call, &dropped);
    free(state.functions);
    strings_free(state.environment);
    state.functions = saved->functions && *saved->functions ? strdup(saved->functions) : NULL;
    state.environment = with_level(environment);
  } else {
    strings_free(environment);
  }
  bytes_free(&dropped);
  return fits;
}

/* False where the shell's directory has been removed. */
static bool adopt_directory(const struct saved *saved) {
  size_t n = strlen(saved->directory);
  if (n < 2 || saved->directory[0] != '/') return false;
  free(state.directory);
  state.directory = strndup(saved->directory, n - 1);
  return true;
}

/* False where the command has left no state. */
static bool adopt_file(struct call *call) {
  struct stat st;
  struct saved saved;
  if (call->memo_fd < 0 || fstat(call->memo_fd, &st) < 0 || st.st_size < 8) return false;
  size_t size = st.st_size > STATE_MAX ? STATE_MAX : (size_t)st.st_size;
  char *text = malloc(size + 1);
  if (!text) return false;
  ssize_t n = pread(call->memo_fd, text, size, 0);
  text[n > 0 ? n : 0] = 0;
  bool found = n > 0 && saved_parse(text, (size_t)n, st.st_size > STATE_MAX, settings.shell_is_bash, &saved);
  if (found && !adopt_directory(&saved)) call_note_unkept(call, UNKEPT_DIRECTORY, NULL, 0);
  if (found && !adopt_exports(call, &saved)) call_note_unkept(call, UNKEPT_VARIABLES, NULL, 0);
  free(text);
  return found;
}

/* Where the command could not write its state (exec, kill, time limit), the file still holds the prelude, without the end
 * mark, and the state before the command stays. */
void shell_finish(struct call *call) {
  if (!adopt_file(call) && call->may_set_state) call_note_unkept(call, UNKEPT_STATE, NULL, 0);
}
