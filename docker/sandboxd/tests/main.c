#include <stdio.h>

#include "tests.h"
#include "watch.h"

int main(void) {
  watch_open();
  test_frames();
  test_capture();
  test_shell_text();
  test_requests();
  test_endings();
  puts("sandboxd: all unit tests passed");
  return 0;
}
