#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "frames.h"
#include "order.h"
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

static uint64_t get_u64(const uint8_t *p) { return (uint64_t)get_u32(p) << 32 | get_u32(p + 4); }

/* `runs` changes of one byte each, read back from the field. */
static void order_of(size_t runs) {
  struct order order = {0};
  struct bytes field = {0};
  for (size_t i = 0; i < runs; i++) order_note(&order, i % 2, (i + 1) / 2, i / 2);
  order_field(&order, &field, 1);
  size_t changes = runs > 0 ? runs - 1 : 0, kept = changes < 2 * ORDER_KEPT ? changes : 2 * ORDER_KEPT;
  assert(field.n == 5 + 16 * kept);
  for (size_t i = 0; i < kept; i++) {
    size_t change = 1 + (i < ORDER_KEPT ? i : changes - kept + i);
    assert(get_u64(field.p + 5 + 16 * i) == (change + 1) / 2 && get_u64(field.p + 13 + 16 * i) == change / 2);
  }
  bytes_free(&field);
  order_free(&order);
}

static void order_keeps_the_first_and_the_last_changes(void) {
  static const size_t runs[] = {0, 1, 2, 3, 1000, 1024, 1025, 1026, 2000, 2048, 2049, 2050, 3071, 3073, 100000};
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) order_of(runs[i]);
  struct order order = {0};
  for (int i = 0; i < 9; i++) order_note(&order, true, 0, (uint64_t)i);
  assert(order.first.n == 0);
  order_free(&order);
}

void test_capture(void) {
  order_keeps_the_first_and_the_last_changes();
  digests_are_right();
  capture_keeps_both_ends();
}
