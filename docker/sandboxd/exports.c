#include "exports.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "environment.h"

struct reader {
  const char *at;
  struct bytes word;
  bool broken;
};

static void put(struct reader *r, char c) { bytes_append(&r->word, &c, 1); }

static void put_code(struct reader *r, int base, int digits) {
  int code = 0;
  for (; digits > 0; digits--, r->at++) {
    const char *hex = "0123456789abcdef", *found = *r->at ? strchr(hex, *r->at | (*r->at > '9' ? 32 : 0)) : NULL;
    if (!found || found - hex >= base) break;
    code = code * base + (int)(found - hex);
  }
  if (code & 0xff) put(r, (char)code);
}

/* The escapes of $'...', as bash prints them. */
static void ansi_escape(struct reader *r) {
  static const char from[] = "abefnrtv", to[] = "\a\b\033\f\n\r\t\v";
  char c = *r->at;
  const char *known = c ? strchr(from, c) : NULL;
  if (c == 'x') {
    r->at++;
    put_code(r, 16, 2);
  } else if (c >= '0' && c <= '7') {
    put_code(r, 8, 3);
  } else if (c) {
    put(r, c == 'E' ? '\033' : known ? to[known - from] : c);
    r->at++;
  }
}

static void quoted(struct reader *r, char quote, bool ansi) {
  while (*r->at && *r->at != quote) {
    char c = *r->at++;
    if (c == '\\' && ansi) {
      ansi_escape(r);
      continue;
    }
    if (c == '\\' && quote == '"' && *r->at && strchr("\"\\$`\n", *r->at)) c = *r->at++;
    put(r, c);
  }
  if (!*r->at) r->broken = true;
  else r->at++;
}

/* One word up to unquoted space; the bytes of `word` are ended by a NUL. False at the end of the line. */
static bool next_word(struct reader *r) {
  r->word.n = 0;
  while (*r->at == ' ' || *r->at == '\t') r->at++;
  if (*r->at == 0 || *r->at == '\n') return false;
  while (*r->at && !strchr(" \t\n", *r->at) && !r->broken) {
    char c = *r->at++;
    if (c == '\'' || c == '"') quoted(r, c, false);
    else if (c == '$' && *r->at == '\'') r->at++, quoted(r, '\'', true);
    else if (c == '\\' && *r->at) put(r, *r->at++);
    else put(r, c);
  }
  put(r, 0);
  return true;
}

/* `_` and SHLVL belong to the shell: carried over, SHLVL would grow with every call. */
static bool carried(const char *assignment) {
  size_t n = strspn(assignment, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
  if (n == 0 || assignment[n] != '=' || (*assignment >= '0' && *assignment <= '9')) return false;
  return strncmp(assignment, "_=", 2) != 0 && strncmp(assignment, "SHLVL=", 6) != 0;
}

static void add(struct bytes *list, const char *assignment) {
  char *copy = strdup(assignment);
  if (!copy) _exit(70);
  bytes_append(list, &copy, sizeof copy);
}

static void read_line(struct reader *r, struct bytes *list) {
  if (!next_word(r)) return;
  const char *verb = (const char *)r->word.p;
  if (strcmp(verb, "declare") != 0 && strcmp(verb, "export") != 0 && strcmp(verb, "typeset") != 0) r->broken = true;
  bool array = false;
  while (!r->broken && next_word(r)) {
    const char *word = (const char *)r->word.p;
    if (*word == '-') array = array || strpbrk(word, "aA");
    else if (!array && carried(word)) add(list, word);
  }
  while (*r->at && *r->at != '\n') r->at++;
}

char **exports_parse(const char *text) {
  struct reader r = {.at = text};
  struct bytes list = {0};
  char *end = NULL;
  while (*r.at && !r.broken) {
    read_line(&r, &list);
    if (*r.at == '\n') r.at++;
  }
  bytes_append(&list, &end, sizeof end);
  bytes_free(&r.word);
  if (!r.broken) return (char **)(void *)list.p;
  strings_free((char **)(void *)list.p);
  return NULL;
}
