/* {a,b} in globs: expanded first, as in a shell. */
#ifndef BRACES_H
#define BRACES_H

#include <stddef.h>

/* More alternatives than this are refused. */
#define ALTERNATIVES_MAX 1000

struct alternatives {
  char *texts[ALTERNATIVES_MAX];
  size_t n;
};

/* The end of the [...] that begins here, or NULL. */
const char *bracket_end(const char *text);
/* NULL, or why the text cannot be expanded. */
const char *expand_braces(const char *text, struct alternatives *out);
void alternatives_free(struct alternatives *alternatives);

#endif
