/* What must be known of a shell command before it runs, judged by its text alone. A wrong answer loses the state that the
 * command leaves, or changes how its death by a signal looks; it never changes what the command does. */
#ifndef SYNTAX_H
#define SYNTAX_H

#include <stdbool.h>

/* A single external program with plain words. bash executes it in its own place if no trap is set, and a death by signal
 * then looks as it does in `bash -c`. It cannot change the shell's state, so it runs without the trap that saves it. */
bool is_plain(const char *command);
/* `set -v` would print the text of the trap, so such a command runs without it, and the state stays as it was. */
bool shows_input(const char *command);
/* Whether the command has a word that can change directory or exports: only then is it said where they could not be
 * kept. */
bool may_set_state(const char *command);

#endif
