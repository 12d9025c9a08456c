#include <assert.h>

#include "frames.h"
#include "request.h"
#include "tests.h"

static const uint8_t instance[INSTANCE_BYTES] = {1, 0, 2, 0, 0, 255};
/* Fields as they stand in a frame, behind its header. */
static struct span fields_of(const struct bytes *frame) {
  return (struct span){frame->p + FRAME_HEADER_BYTES, frame->n - FRAME_HEADER_BYTES};
}

static bool parses(struct bytes *frame, struct request *request) {
  bool parsed = request_parse(fields_of(frame), request);
  bytes_free(frame);
  return parsed;
}

static struct bytes start_frame(uint64_t kind) {
  struct bytes frame = {0};
  frame_begin(&frame, instance, COMMAND_START, 1);
  frame_number(&frame, COMMAND_TAG_KIND, kind);
  return frame;
}

static void requests_are_bounded(void) {
  static struct request request;
  struct bytes frame = start_frame(WORK_EXEC);
  frame_number(&frame, COMMAND_TAG_TIMEOUT_MS, UINT64_MAX);
  frame_number(&frame, COMMAND_TAG_KEEP_BYTES, UINT64_MAX);
  for (int i = 0; i < ARGUMENTS_MAX; i++) frame_bytes(&frame, COMMAND_TAG_ARGUMENT, "a", 1);
  frame_bytes(&frame, COMMAND_TAG_DATA, "\0", 1);
  frame_bytes(&frame, 200, "of a newer controller", 21);
  assert(request_parse(fields_of(&frame), &request));
  assert(request.timeout_ms == 24ull * 3600 * 1000 && request.keep_bytes == 1u << 20);
  assert(request.argc == ARGUMENTS_MAX && request.data.n == 1 && !request.has_directory);
  frame_bytes(&frame, COMMAND_TAG_ARGUMENT, "one more", 8);
  assert(!parses(&frame, &request));
}

static void malformed_requests_are_refused(void) {
  static struct request request;
  struct bytes frame = start_frame(0);
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_PROBE + 1);
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_EXEC); /* without a program */
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_SHELL);
  frame_bytes(&frame, COMMAND_TAG_TEXT, "a\0b", 3);
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_EXEC);
  frame_bytes(&frame, COMMAND_TAG_ARGUMENT, "a\0b", 3);
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_PYTHON); /* Python says itself what is wrong with a NUL */
  frame_bytes(&frame, COMMAND_TAG_TEXT, "a\0b", 3);
  frame_number(&frame, COMMAND_TAG_AS_SHELL, 1);
  assert(request_parse(fields_of(&frame), &request) && request.text.n == 3 && request.as_shell == 1);
  bytes_free(&frame);
  frame = start_frame(WORK_SHELL);
  frame_bytes(&frame, COMMAND_TAG_LIMIT, "123456789", 9);
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_SHELL);
  frame_bytes(&frame, COMMAND_TAG_TEXT, "cut", 3);
  frame.n--;
  assert(!parses(&frame, &request));
  frame = start_frame(WORK_PROBE);
  assert(parses(&frame, &request));
}

void test_requests(void) {
  requests_are_bounded();
  malformed_requests_are_refused();
}
