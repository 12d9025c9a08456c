#include "settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment.h"

struct settings settings;

/* The home directory by /etc/passwd. Read here, as the C library's reader asks modules or services of the image. NULL where
 * the user has no line. */
static char *passwd_home(uid_t uid) {
  FILE *file = fopen("/etc/passwd", "re");
  char line[1024];
  char *home = NULL;
  while (file && !home && fgets(line, sizeof line, file)) {
    char *fields[7], *rest = line;
    int n = 0;
    while (n < 7 && (fields[n] = strsep(&rest, ":\n"))) n++;
    if (n < 6 || *fields[2] == 0 || strtoul(fields[2], NULL, 10) != uid) continue;
    if (fields[5][0] == '/') home = strdup(fields[5]);
  }
  if (file) fclose(file);
  return home;
}

static char *find_program(const char *name) {
  const char *path = environment_get(settings.environment, "PATH");
  if (!path) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  while (*path) {
    size_t n = strcspn(path, ":");
    char *file = NULL;
    struct stat st;
    if (path[0] == '/' && asprintf(&file, "%.*s/%s", (int)n, path, name) > 0) {
      if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111) return file;
      free(file);
    }
    path += path[n] ? n + 1 : n;
  }
  return NULL;
}

/* Docker leaves /etc/hosts empty in a container without network, and `localhost` would not resolve. */
static void write_hosts(void) {
  int fd = open("/etc/hosts", O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  char host[256] = "";
  if (fd < 0) return;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0) {
    gethostname(host, sizeof host - 1);
    dprintf(fd, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    if (host[0]) dprintf(fd, "127.0.0.1\t%s\n", host);
  }
  close(fd);
}

void settings_complete(void) {
  settings.environment = environ;
  settings.home_directory = environment_get(environ, "HOME");
  if (!settings.home_directory) {
    char *home = passwd_home(settings.uid), *entry = NULL;
    if (!home) home = settings.uid == 0 ? "/root" : "/";
    if (asprintf(&entry, "HOME=%s", home) < 0) _exit(70);
    settings.environment = environment_with(environ, &entry, 1);
    settings.home_directory = home;
  }
  settings.directory = getcwd(NULL, 0);
  if (!settings.directory) settings.directory = "/";
  settings.shell = find_program("bash");
  settings.shell_is_bash = settings.shell != NULL;
  if (!settings.shell) settings.shell = find_program("sh");
  settings.python = find_program("python3");
  write_hosts();
}
