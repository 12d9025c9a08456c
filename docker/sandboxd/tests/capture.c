#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "frames.h"
#include "sha256.h"
#include "tests.h"

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

void test_capture(void) {
  digests_are_right();
  capture_keeps_both_ends();
}
