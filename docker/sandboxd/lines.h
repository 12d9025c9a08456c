/* Reading a file line by line in bounded memory. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a longer line only the beginning is returned. */
#define LINE_HELD (1u << 20)

struct line {
  const uint8_t *p; /* until the next line is read */
  size_t n;         /* without its line break */
  bool cut;
};

struct line_reader {
  int fd, error;
  bool at_end, skipping;
  bool is_binary; /* a NUL among the first bytes */
  bool is_utf16;  /* begins with its mark */
  size_t from, to;
  int64_t give_up_at;
  uint8_t held[LINE_HELD];
};

/* Reads the beginning. From `give_up_at` on, by now_ms(), the file seems to end. */
void begin_lines(struct line_reader *reader, int fd, int64_t give_up_at);
/* False at the end, and where reading failed: then `error` is set. */
bool next_line(struct line_reader *reader, struct line *line);

#endif
