/* The shell tool.
 *
 * A command runs as `bash -c COMMAND`, to the letter, so that its output and status are those of `docker exec`. State is
 * carried by a file in memory under INHERITED_FD: bash reads a prelude from it (BASH_ENV), which sets an EXIT trap, and
 * the trap writes directory and exports back into it. README.md has the exceptions. */
#ifndef SHELL_H
#define SHELL_H

#include "call.h"
#include "request.h"

/* Returns 0 or errno, with the stage in the call. */
int shell_start(struct call *call, const struct request *request);
/* Takes over the state that the command has left. */
void shell_finish(struct call *call);
/* Where the next command starts, and with which environment. */
const char *shell_directory(void);
char **shell_environment(void);
/* What its `~` is. */
const char *shell_home(void);

#endif
