/* What a start frame asks for. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

#define ARGUMENTS_MAX 1024

/* The spans point into the frame. All but `data` and the code for Python are free of NUL. `as_shell`: an interpreter starts
 * in the shell's directory, with its environment. */
struct request {
  uint64_t kind, timeout_ms, longest_ms, keep_bytes, output_bytes;
  uint64_t offset, length, mode, depth, limit, as_shell;
  struct span text, path, directory, data, pattern, glob;
  bool has_directory, has_glob;
  bool home_path; /* the path begins with ~ */
  struct span argv[ARGUMENTS_MAX], env[ARGUMENTS_MAX];
  size_t argc, envc;
};

/* False where the fields are malformed or the kind is unknown. Unknown tags are ignored: they may be a newer
 * controller's. */
bool request_parse(struct span fields, struct request *out);

#endif
