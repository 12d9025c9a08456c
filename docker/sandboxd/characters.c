#include "characters.h"

#include <string.h>
#include <wctype.h>

static uint32_t continued(const uint8_t *p, size_t n, uint32_t c, size_t more, size_t *length) {
  if (n <= more) return REPLACEMENT;
  for (size_t i = 1; i <= more; i++) {
    if ((p[i] & 0xc0) != 0x80) return REPLACEMENT;
    c = c << 6 | (p[i] & 0x3fu);
  }
  static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (c < least[more] || c > CHARACTER_MAX || (c >= 0xd800 && c < 0xe000)) return REPLACEMENT;
  *length = more + 1;
  return c;
}

uint32_t character_at(const uint8_t *p, size_t n, size_t *length) {
  *length = 1;
  if (p[0] < 0x80) return p[0];
  if ((p[0] & 0xe0) == 0xc0) return continued(p, n, p[0] & 0x1fu, 1, length);
  if ((p[0] & 0xf0) == 0xe0) return continued(p, n, p[0] & 0x0fu, 2, length);
  if ((p[0] & 0xf8) == 0xf0) return continued(p, n, p[0] & 0x07u, 3, length);
  return REPLACEMENT;
}

/* The C library's tables lack the blanks that are not to be broken at, and U+0085. */
static bool is_space(uint32_t c) {
  return iswspace((wint_t)c) || c == 0x85 || c == 0xa0 || c == 0x2007 || c == 0x202f;
}

bool character_is(uint32_t c, enum character_class class) {
  wint_t w = (wint_t)c;
  switch (class) {
    case CLASS_WORD: return c == '_' || iswalnum(w);
    case CLASS_DIGIT: return c >= '0' && c <= '9';
    case CLASS_SPACE: return is_space(c);
    case CLASS_ALPHA: return iswalpha(w);
    case CLASS_ALNUM: return iswalnum(w);
    case CLASS_UPPER: return iswupper(w);
    case CLASS_LOWER: return iswlower(w);
    case CLASS_PUNCT: return iswpunct(w);
    case CLASS_CNTRL: return iswcntrl(w);
    case CLASS_GRAPH: return iswgraph(w);
    case CLASS_PRINT: return iswprint(w);
    case CLASS_XDIGIT: return c < 0x80 && iswxdigit(w);
    case CLASS_BLANK: return c == '\t' || (c != '\n' && c != '\r' && c != '\v' && c != '\f' && is_space(c));
  }
  return false;
}

uint32_t character_lower(uint32_t c) { return (uint32_t)towlower((wint_t)c); }
uint32_t character_upper(uint32_t c) { return (uint32_t)towupper((wint_t)c); }

int character_class_named(const char *name, size_t n) {
  static const char *const names[] = {
      [CLASS_WORD] = "word",   [CLASS_DIGIT] = "digit", [CLASS_SPACE] = "space",   [CLASS_ALPHA] = "alpha",
      [CLASS_ALNUM] = "alnum", [CLASS_UPPER] = "upper", [CLASS_LOWER] = "lower",   [CLASS_PUNCT] = "punct",
      [CLASS_CNTRL] = "cntrl", [CLASS_GRAPH] = "graph", [CLASS_PRINT] = "print",   [CLASS_XDIGIT] = "xdigit",
      [CLASS_BLANK] = "blank"};
  for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
    if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0) return i;
  return -1;
}
