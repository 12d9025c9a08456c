/* Which files a search looks at, by a glob as ripgrep has them. */
#ifndef GLOB_H
#define GLOB_H

#include <stdbool.h>

#include "matcher.h"
#include "pattern.h"

struct glob {
  bool negated; /* begins with !: all files but these */
  bool by_path; /* holds a slash: matched against the path, else against the name */
  struct matcher below, shown;
};

/* False, with the problem, where the glob cannot be read. */
bool glob_compile(const char *text, struct glob *glob, struct pattern_problem *problem);
/* `below`: the path below the searched folder; `shown`: as the answer gives it. Matching either is enough. */
bool glob_matches(struct glob *glob, const char *name, const char *below, const char *shown);

#endif
