/* Environments: arrays of NAME=value strings with NULL at the end. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stddef.h>

/* The value, or NULL. */
const char *environment_get(char *const *environment, const char *name);
/* A new array of `base` with the strings of `added` in place of those of the same name. Strings are not copied. */
char **environment_with(char **base, char *const *added, size_t count);
/* A copy of the array and its strings, to be freed with strings_free. */
char **strings_copy(char *const *environment);
/* Frees an array of strings with NULL at its end, and the strings. NULL is ignored. */
void strings_free(char **environment);

#endif
