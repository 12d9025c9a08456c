/* What the image offers, read once before any command of the model has run. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sandboxd.h"

struct settings settings;
extern char **environ;

int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *environment_get(char *const *environment, const char *name) {
  size_t n = strlen(name);
  for (; *environment; environment++)
    if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=') return *environment + n + 1;
  return NULL;
}

static bool same_name(const char *a, const char *b) {
  size_t n = strcspn(a, "=");
  return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

char **environment_with(char **base, char *const *added, size_t count) {
  size_t n = 0, at = 0;
  while (base[n]) n++;
  char **out = calloc(n + count + 1, sizeof *out);
  if (!out) _exit(70);
  for (size_t i = 0; i < n; i++) {
    bool replaced = false;
    for (size_t k = 0; k < count && !replaced; k++) replaced = same_name(base[i], added[k]);
    if (!replaced) out[at++] = base[i];
  }
  for (size_t k = 0; k < count; k++) out[at++] = added[k];
  return out;
}

/* The home directory of the user's line in /etc/passwd; the C library's reader is not for PID 1 of any image. */
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

/* Docker leaves the file empty in a container without network; then nothing would know `localhost`. */
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

void image_prepare(void) {
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
