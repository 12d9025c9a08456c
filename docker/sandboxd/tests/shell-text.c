#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "exports.h"
#include "saved.h"
#include "syntax.h"
#include "tests.h"

static void expect_environment(const char *text, const char *expected) {
  char got[512] = "";
  char **environment = exports_parse(text);
  if (!environment) strcpy(got, "broken");
  for (char **e = environment; e && *e; e++) strcat(strcat(got, *e), "|");
  if (strcmp(got, expected) != 0) printf("%s\n-> %s, not %s\n", text, got, expected);
  assert(strcmp(got, expected) == 0);
  strings_free(environment);
}

static void exports_are_read_as_shells_print_them(void) {
  expect_environment("", "");
  expect_environment("declare -x A=\"1\"\ndeclare -x B\ndeclare -ix C=\"5\"\n", "A=1|C=5|");
  expect_environment("declare -x A=\"a \\\"b\\\" \\$c \\`d\\` \\\\ \\e\"\n", "A=a \"b\" $c `d` \\ \\e|");
  expect_environment("declare -x A=\"two\nlines\"\ndeclare -x B=\"\"\n", "A=two\nlines|B=|");
  expect_environment("declare -x A=$'tab\\tnl\\nq\\'x\\x41o\\101e\\E'\n", "A=tab\tnl\nq'xAoAe\033|");
  expect_environment("export A='it'\"'\"'s'\nexport B\n", "A=it's|");
  expect_environment("export A='it'\\''s'\n", "A=it's|");
  expect_environment("declare -ax A=([0]=\"x\" [1]=\"y\")\ndeclare -x B=\"1\"\n", "B=1|");
  expect_environment("declare -x SHLVL=\"3\"\ndeclare -x _=\"x\"\ndeclare -x A=\"1\"\n", "A=1|");
  expect_environment("declare -x 1A=\"1\"\ndeclare -x =\"1\"\ndeclare -x A-B=\"1\"\n", "");
  expect_environment("rm -rf /\n", "broken");
  expect_environment("declare -x A=\"open", "broken");
  expect_environment("export A='open\n", "broken");
  expect_environment("declare -x A=$'open\\", "broken");
  expect_environment("declare", "");
}

static void only_single_programs_are_plain(void) {
  static const char *const plain[] = {"ls", "ls -l 'a b'", "/bin/x a\\;b", "grep \"a;b\" f", "x $HOME"};
  static const char *const other[] = {"",     "cd /",  "a; b",     "a|b",    "a && b",  "a $(b)", "a `b`", "A=1 b",
                                      "a \n b", "a > f", "a 'open", "a #text", "! true", "(a)",    "if a"};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) assert(is_plain(plain[i]));
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) assert(!is_plain(other[i]));
  assert(shows_input("set -xv; a") && shows_input("set -o verbose") && !shows_input("set -x; a"));
}

static void what_can_set_state_is_seen(void) {
  static const char *const may[] = {"cd /",        "x; cd /",     "(cd /)",      "a&&export B=1", "A=1",     "A+=1; x",
                                    "a[1]=2",      "if x; then\npopd; fi", ". ./env", "source env", "eval x", "\\cd /",
                                    "$(cd /)",     "\"cd\" /"};
  static const char *const cannot[] = {"",       "sleep 99",  "yes | head", "ls ./cd.d", "echo a.b", "for i in 1 2; do x; done",
                                       "a == b", "=",         "-x=1",       "x --cd",    "cat a/cd"};
  for (size_t i = 0; i < sizeof may / sizeof *may; i++) assert(may_set_state(may[i]));
  for (size_t i = 0; i < sizeof cannot / sizeof *cannot; i++) assert(!may_set_state(cannot[i]));
}

static void expect_saved(const char *text, size_t n, bool cut, const char *directory, const char *exports) {
  char copy[128] = {0};
  struct saved saved;
  memcpy(copy, text, n);
  bool found = saved_parse(copy, n, cut, true, &saved);
  assert(found == (directory != NULL));
  if (!found) return;
  assert(strcmp(saved.directory, directory) == 0);
  assert(exports ? saved.exports && strcmp(saved.exports, exports) == 0 : !saved.exports);
}

#define EXPECT_SAVED(text, ...) expect_saved(text, sizeof text - 1, __VA_ARGS__)

static void saved_state_is_read(void) {
  EXPECT_SAVED("\0/a\n\0declare -x A\n\0f() {}\n\0end", false, "/a\n", "declare -x A\n");
  EXPECT_SAVED("noise\0/a\n\0x\0\0end", false, "/a\n", "x");
  EXPECT_SAVED("\0\0x\0\0end", false, "", "x");
  EXPECT_SAVED("unset BASH_ENV\n", false, NULL, NULL);
  EXPECT_SAVED("\0/a\n\0x\0\0en", false, NULL, NULL);
  EXPECT_SAVED("x\0\0end", false, NULL, NULL);
  EXPECT_SAVED("\0/a\n\0declare -x A=\"1", true, "/a\n", NULL);
  EXPECT_SAVED("\0/a", true, NULL, NULL);
}

/* Of `count` variables of `length` bytes each, `kept` are left; -1: too many would have to go. */
static void expect_fit(size_t count, size_t length, long kept) {
  char **environment = calloc(count + 2, sizeof *environment);
  struct bytes dropped = {0};
  for (size_t i = 0; i <= count; i++) {
    environment[i] = i == count / 2 ? strdup("SMALL=1") : malloc(length + 1);
    if (i == count / 2) continue;
    memset(environment[i], 'x', length);
    memcpy(environment[i], "V=", 2);
    environment[i][length] = 0;
  }
  bool fits = saved_fit(environment, &dropped);
  assert(fits == (kept >= 0));
  size_t left = 0;
  while (environment[left]) left++;
  if (fits) assert(left == (size_t)kept + 1 && dropped.n == 2 * (count - (size_t)kept));
  strings_free(environment);
  bytes_free(&dropped);
}

static void variables_that_no_program_takes_are_dropped(void) {
  expect_fit(0, 0, 0);
  expect_fit(1, ARGUMENT_MAX, 1);
  expect_fit(1, ARGUMENT_MAX + 1, 0);
  expect_fit(10, 100000, 10);
  expect_fit(12, 100000, 10);
  expect_fit(DROPPED_MAX, 200000, 0);
  expect_fit(DROPPED_MAX + 1, 200000, -1);
}

void test_shell_text(void) {
  saved_state_is_read();
  variables_that_no_program_takes_are_dropped();
  what_can_set_state_is_seen();
  exports_are_read_as_shells_print_them();
  only_single_programs_are_plain();
}
