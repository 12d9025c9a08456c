#include "syntax.h"

#include <stdio.h>
#include <string.h>

static bool is_builtin(const char *word, size_t n) {
  static const char names[] =
      " . : [ [[ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc "
      "declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function "
      "getopts hash help history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray "
      "readonly return select set shift shopt source suspend test then time times trap true type typeset ulimit "
      "umask unalias unset until wait while ";
  char key[16];
  if (n == 0 || n > sizeof key - 3) return false;
  snprintf(key, sizeof key, " %.*s ", (int)n, word);
  return strstr(names, key) != NULL;
}

bool is_plain(const char *command) {
  size_t word = strcspn(command, " \t");
  if (word == 0 || strspn(command, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-") < word)
    return false;
  if (is_builtin(command, word)) return false;
  char quote = 0;
  for (const char *c = command; *c; c++) {
    if (quote == '\'') {
      if (*c == quote) quote = 0;
    } else if (*c == '`' || (*c == '$' && (c[1] == '(' || c[1] == '{')) || (*c == '\\' && c[1] <= '\n')) {
      return false;
    } else if (*c == '\\') {
      c++;
    } else if (quote) {
      if (*c == quote) quote = 0;
    } else if (*c == '\'' || *c == '"') {
      quote = *c;
    } else if (strchr(";&|<>(){}!#\n", *c)) {
      return false;
    }
  }
  return quote == 0;
}

/* True where the word, up to `n` bytes, is an assignment or a command that can change directory or exports. */
static bool sets_state(const char *word, size_t n) {
  static const char names[] = " . cd chdir declare eval export popd pushd read readarray mapfile readonly set source "
                              "typeset unset ";
  char key[16];
  size_t name = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
  if (name > 0 && name < n && (word[name] == '=' || word[name] == '+' || word[name] == '[')) return true;
  if (n == 0 || n > sizeof key - 3) return false;
  snprintf(key, sizeof key, " %.*s ", (int)n, word);
  return strstr(names, key) != NULL;
}

bool may_set_state(const char *command) {
  static const char between[] = " \t\n;&|(){}`\"'\\";
  while (*command) {
    command += strspn(command, between);
    size_t n = strcspn(command, between);
    if (sets_state(command, n)) return true;
    command += n;
  }
  return false;
}

bool shows_input(const char *command) {
  if (strstr(command, "verbose")) return true;
  for (const char *set = strstr(command, "set -"); set; set = strstr(set + 1, "set -")) {
    size_t flags = strspn(set + 5, "abcdefghijklmnopqrstuvwxyzBCEHPT");
    if (memchr(set + 5, 'v', flags)) return true;
  }
  return false;
}
