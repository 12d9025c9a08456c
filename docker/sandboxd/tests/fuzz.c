/* libFuzzer target: hostile bytes on standard input, in pieces of a length given by the first byte; hostile fields of a
 * start frame; hostile shell state; a hostile pattern and glob, up to the first line break, over the rest. */
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "exports.h"
#include "frames.h"
#include "glob.h"
#include "request.h"
#include "saved.h"
#include "syntax.h"

static void fields_of(const struct frame *frame) {
  struct span rest = frame->fields, value;
  uint8_t tag;
  uint64_t number;
  while (field_next(&rest, &tag, &value)) field_number(value, &number);
  static struct request request;
  request_parse(frame->fields, &request);
}

static void decode(const uint8_t *p, size_t n, size_t piece) {
  struct decoder d = {0};
  struct frame frame;
  for (size_t at = 0; at < n; at += piece) {
    struct span input = {p + at, n - at < piece ? n - at : piece};
    while (decoder_next(&d, &input, &frame)) fields_of(&frame);
  }
  bytes_free(&d.held);
}

/* With a valid checksum, which the fuzzer would hardly find. */
static void decode_sealed(const uint8_t *p, size_t n) {
  struct bytes frame = {0};
  static const uint8_t instance[INSTANCE_BYTES];
  frame_begin(&frame, instance, COMMAND_START, 1);
  bytes_append(&frame, p, n);
  struct bytes sealed = frame_seal(&frame);
  decode(sealed.p, sealed.n, 1 + n % 97);
  bytes_free(&sealed);
}

static void saved_state(const uint8_t *p, size_t n) {
  struct saved saved;
  for (int cut = 0; cut < 2; cut++) {
    char *text = malloc(n + 1);
    memcpy(text, p, n);
    text[n] = 0;
    if (saved_parse(text, n, cut, p[0] & 1, &saved)) {
      if (strlen(saved.directory) > n) abort();
      char **environment = saved.exports ? exports_parse(saved.exports) : NULL;
      struct bytes dropped = {0};
      if (environment) saved_fit(environment, &dropped);
      strings_free(environment);
      bytes_free(&dropped);
    }
    free(text);
  }
}

/* Long patterns over long lines are slow, and no more telling. */
#define SEARCHED_MAX 300

static void search(const char *text, size_t n) {
  struct pattern_problem problem;
  struct program program;
  struct matcher matcher;
  struct glob glob;
  size_t end, length = strcspn(text, "\n");
  if (n > SEARCHED_MAX) return;
  char *pattern = strndup(text, length);
  if (pattern_compile(pattern, false, &program, &problem)) {
    matcher_init(&matcher, program);
    matcher_find(&matcher, (const uint8_t *)text + length, n - length, &end);
    matcher_free(&matcher);
  } else {
    program_free(&program);
  }
  if (glob_compile(pattern, "", &glob, &problem)) glob_matches(&glob, text, text);
  glob_free(&glob);
  free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  if (n == 0) return 0;
  decode(p + 1, n - 1, 1 + p[0]);
  decode_sealed(p, n);
  char *text = malloc(n + 1);
  memcpy(text, p, n);
  text[n] = 0;
  strings_free(exports_parse(text));
  is_plain(text);
  shows_input(text);
  may_set_state(text);
  search(text, n);
  free(text);
  saved_state(p, n);
  return 0;
}
