/* Unit tests of what can be tested without being PID 1. Built with ASan and UBSan. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandboxd.h"

/* capture.c asks main.c for these. */
void watch(int fd) { (void)fd; }
void unwatch_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static const uint8_t instance[INSTANCE_BYTES] = {1, 0, 2, 0, 0, 255};
static uint32_t seed = 1;

static uint32_t chance(uint32_t below) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % below;
}

static struct bytes frame_of(size_t n, bool zeros) {
  struct bytes frame = {0};
  uint8_t *value = malloc(n + 1);
  for (size_t i = 0; i < n; i++) value[i] = (uint8_t)(zeros ? chance(3) : 1 + chance(255));
  frame_begin(&frame, instance, 2, (uint32_t)n);
  frame_bytes(&frame, 5, value, n);
  free(value);
  return frame_seal(&frame);
}

static size_t count_frames(struct decoder *d, const uint8_t *p, size_t n, size_t piece) {
  size_t count = 0;
  for (size_t at = 0; at < n; at += piece) {
    struct span input = {p + at, n - at < piece ? n - at : piece};
    struct frame frame;
    while (decoder_next(d, &input, &frame)) {
      count++;
      assert(memcmp(frame.instance, instance, sizeof instance) == 0 && frame.type == 2);
    }
  }
  return count;
}

static void frames_come_back_however_they_are_cut(void) {
  static const size_t sizes[] = {0, 1, 220, 221, 222, 223, 224, 225, 226, 480, 1000, 70000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int zeros = 0; zeros < 2; zeros++) {
      struct bytes sealed = frame_of(sizes[i], zeros);
      assert(memchr(sealed.p, 0, sealed.n) == sealed.p + sealed.n - 1);
      for (size_t piece = 1; piece <= sealed.n; piece = piece * 3 + 1) {
        struct decoder d = {0};
        assert(count_frames(&d, sealed.p, sealed.n, piece) == 1 && d.refused == 0);
        bytes_free(&d.held);
      }
      bytes_free(&sealed);
    }
  }
}

static void a_lost_or_changed_byte_costs_one_frame(void) {
  struct bytes good = frame_of(60, true);
  for (size_t at = 0; at + 1 < good.n; at++) {
    struct bytes stream = {0};
    struct decoder d = {0};
    bytes_append(&stream, good.p, good.n);
    stream.p[at] ^= (uint8_t)(1 + chance(255));
    bytes_append(&stream, good.p, good.n);
    assert(count_frames(&d, stream.p, stream.n, 7) == 1 && d.refused >= 1);
    memmove(stream.p + at, stream.p + at + 1, stream.n - at - 1);
    stream.n--;
    assert(count_frames(&d, stream.p, stream.n, 7) == 1);
    bytes_free(&stream);
    bytes_free(&d.held);
  }
  bytes_free(&good);
}

static void endless_text_is_not_held(void) {
  static uint8_t chunk[65536];
  struct decoder d = {0};
  struct bytes good = frame_of(10, false);
  memset(chunk, 7, sizeof chunk);
  for (int i = 0; i < 200; i++) {
    assert(count_frames(&d, chunk, sizeof chunk, sizeof chunk) == 0);
    assert(d.held.cap <= 2 * ENCODED_MAX_BYTES);
  }
  assert(d.discarding && count_frames(&d, (const uint8_t *)"", 1, 1) == 0 && d.refused == 1);
  assert(count_frames(&d, good.p, good.n, 3) == 1);
  bytes_free(&d.held);
  bytes_free(&good);
}

static void fields_are_checked(void) {
  static const uint8_t cut[] = {1, 0, 0, 0, 9, 1, 2};
  struct span rest = {cut, sizeof cut}, value;
  uint8_t tag;
  uint64_t number;
  assert(!field_next(&rest, &tag, &value) && rest.n == sizeof cut);
  assert(!field_number((struct span){cut, 0}, &number));
  assert(field_number((struct span){cut, 7}, &number) && number == 0x01000000090102);
  static const uint8_t nine[9] = {0};
  assert(!field_number((struct span){nine, 9}, &number));
}

static void digests_are_right(void) {
  static const struct { const char *text; size_t times; const char *hex; } cases[] = {
      {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (size_t i = 0; i < 3; i++) {
    struct sha256 sha;
    uint8_t digest[32];
    char hex[65];
    sha256_begin(&sha);
    for (size_t k = 0; k < cases[i].times; k++) sha256_add(&sha, (const uint8_t *)cases[i].text, strlen(cases[i].text));
    sha256_digest(&sha, digest);
    for (int k = 0; k < 32; k++) sprintf(hex + 2 * k, "%02x", digest[k]);
    assert(strcmp(hex, cases[i].hex) == 0);
  }
  assert(crc32_of((const uint8_t *)"123456789", 9) == 0xcbf43926u);
}

static void capture_keeps_both_ends(void) {
  for (uint64_t keep = 0; keep < 9; keep++) {
    for (size_t total = 0; total < 20; total++) {
      struct capture c;
      int end = capture_open(&c, keep);
      for (size_t i = 0; i < total; i++) {
        char byte = (char)('a' + i);
        assert(write(end, &byte, 1) == 1 && capture_read(&c));
      }
      close(end);
      assert(!capture_read(&c) && c.fd == -1 && c.total == total);
      struct bytes field = {0};
      capture_field(&c, &field, 1);
      size_t kept = total < keep ? total : (size_t)keep;
      assert(field.n == 5 + 44 + kept);
      for (size_t i = 0; i < kept; i++) {
        size_t at = total <= keep || i < keep / 2 ? i : total - kept + i;
        assert(field.p[49 + i] == 'a' + at);
      }
      bytes_free(&field);
      capture_free(&c);
    }
  }
}

static void expect_environment(const char *text, const char *expected) {
  char got[512] = "";
  char **environment = environment_parse(text);
  if (!environment) strcpy(got, "broken");
  for (char **e = environment; e && *e; e++) strcat(strcat(got, *e), "|");
  if (strcmp(got, expected) != 0) printf("%s\n-> %s, not %s\n", text, got, expected);
  assert(strcmp(got, expected) == 0);
  environment_free(environment);
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

int main(void) {
  frames_come_back_however_they_are_cut();
  a_lost_or_changed_byte_costs_one_frame();
  endless_text_is_not_held();
  fields_are_checked();
  digests_are_right();
  capture_keeps_both_ends();
  exports_are_read_as_shells_print_them();
  puts("sandboxd: all unit tests passed");
  return 0;
}
