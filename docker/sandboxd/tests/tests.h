/* Unit tests of the modules that can run without being PID 1. Built with ASan and UBSan. */
#ifndef TESTS_H
#define TESTS_H

void test_frames(void);
void test_capture(void);
void test_shell_text(void);
void test_requests(void);
void test_endings(void);
void test_patterns(void);

#endif
