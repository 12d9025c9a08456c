#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "environment.h"
#include "exports.h"
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

void test_shell_text(void) {
  what_can_set_state_is_seen();
  exports_are_read_as_shells_print_them();
  only_single_programs_are_plain();
}
