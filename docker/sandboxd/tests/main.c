#include <locale.h>
#include <stdio.h>

#include "tests.h"
#include "watch.h"

int main(void) {
  /* What musl, which sandboxd is built with, always knows of characters. */
  setlocale(LC_CTYPE, "C.UTF-8");
  watch_open();
  test_frames();
  test_capture();
  test_shell_text();
  test_requests();
  test_endings();
  test_patterns();
  puts("sandboxd: all unit tests passed");
  return 0;
}
