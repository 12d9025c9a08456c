/* What a shell has written about its state at its end. The text is untrusted: the model can write anything there. */
#ifndef SAVED_H
#define SAVED_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

/* MAX_ARG_STRLEN of the kernel. */
#define ARGUMENT_MAX (128 * 1024 - 64)
/* Of all variables: half of what the kernel takes for arguments and environment at its default stack limit of 8 MiB. */
#define ENVIRONMENT_MAX (1024 * 1024)
#define DROPPED_MAX 16

/* The parts point into the text. */
struct saved {
  const char *directory; /* ends with the newline of pwd; empty where the directory has been removed */
  const char *exports;   /* NULL: the text is cut before their end */
  const char *functions; /* NULL: none are saved */
};

/* Reads `n` bytes, which a NUL follows: anything, NUL, directory, NUL, exports, NUL, functions (if any are to be there),
 * NUL, "end". Of a text that is cut only the directory is read. False where it is no state. */
bool saved_parse(char *text, size_t n, bool cut, bool with_functions, struct saved *out);

/* Drops and frees variables that no program could be started with: longer than ARGUMENT_MAX, and the longest until all
 * are within ENVIRONMENT_MAX. Their names are appended to `dropped`, a NUL after each. False after DROPPED_MAX. */
bool saved_fit(char **environment, struct bytes *dropped);

#endif
