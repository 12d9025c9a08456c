/* Which files a search looks at, by a glob as ripgrep has them. */
#ifndef GLOB_H
#define GLOB_H

#include <stdbool.h>

#include "matcher.h"
#include "pattern.h"

struct glob {
  bool negated; /* begins with !: all files but these */
  /* Alternatives without a slash are matched against names, the others against paths. */
  bool has_names, has_paths;
  struct matcher names, paths;
};

/* A glob that begins with `folder`, the searched one as paths in the answer begin with it, goes on below it. False, with the
 * problem, where the glob cannot be read. To be freed in both cases. */
bool glob_compile(const char *text, const char *folder, struct glob *glob, struct pattern_problem *problem);
/* `path`: below the searched folder. */
bool glob_matches(struct glob *glob, const char *name, const char *path);
void glob_free(struct glob *glob);

#endif
