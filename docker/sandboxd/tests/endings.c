#include <assert.h>

#include "endings.h"
#include "frames.h"
#include "tests.h"

static struct bytes any_frame(void) {
  static const uint8_t instance[INSTANCE_BYTES];
  struct bytes frame = {0};
  frame_begin(&frame, instance, REPORT_EXITED, 1);
  return frame;
}

static void a_number_is_accepted_once(void) {
  assert(!number_accept(0) && number_last() == 0);
  assert(number_accept(5) && !number_accept(5) && number_last() == 5);
  assert(number_accept(3) && !number_accept(3) && number_last() == 5);
  assert(number_accept(9000) && !number_accept(5) && number_accept(9000 - 8191) && !number_accept(9000 - 8192));
  assert(number_accept(UINT32_MAX) && !number_accept(9000) && number_accept(UINT32_MAX - 1));
  assert(!number_accept(UINT32_MAX) && number_last() == UINT32_MAX);
}

static void endings_are_kept_within_bounds(void) {
  for (uint32_t number = 1; number <= 64; number++) {
    assert(!endings_full());
    struct bytes frame = any_frame();
    ending_keep(number, &frame);
  }
  assert(endings_full() && ending_resend(1) && !ending_resend(65));
  struct bytes frame = any_frame();
  ending_keep(65, &frame);
  assert(!ending_resend(65));
  ending_forget(1);
  ending_forget(1);
  assert(!endings_full() && !ending_resend(1) && ending_resend(64));
  for (uint32_t number = 2; number <= 64; number++) ending_forget(number);
  assert(!ending_resend(64));
}

void test_endings(void) {
  a_number_is_accepted_once();
  endings_are_kept_within_bounds();
}
