#include "place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

/* Of the image's /etc/passwd, which the model may have replaced by anything. NULL: no such user. */
static char *home_of(const char *name, size_t n) {
  int error, fd = open_regular(AT_FDCWD, "/etc/passwd", O_RDONLY, 0, &error);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
  char line[1024], *home = NULL;
  while (file && !home && fgets(line, sizeof line, file)) {
    char *fields[7], *rest = line;
    int count = 0;
    while (count < 7 && (fields[count] = strsep(&rest, ":\n"))) count++;
    if (count < 6 || strlen(fields[0]) != n || memcmp(fields[0], name, n) != 0) continue;
    if (fields[5][0] == '/') home = strdup(fields[5]);
  }
  if (file) fclose(file);
  return home;
}

char *expand_home(const char *path, const char *home) {
  size_t n = strcspn(path + 1, "/");
  char *found = n == 0 ? strdup(home) : home_of(path + 1, n), *out = NULL;
  if (!found) return strdup(path);
  size_t length = strlen(found);
  /* A home of / and a rest of /x are /x. */
  while (length > 1 && found[length - 1] == '/') length--;
  const char *rest = path + 1 + n;
  if (length == 1 && *rest) length = 0;
  if (asprintf(&out, "%.*s%s", (int)length, found, rest) < 0) _exit(70);
  free(found);
  return out;
}
