/** Whether a text has anything that `visibleRanges` leaves out. */
export const hasControls = (text: string): boolean => /[\x1b\x9b\r\b]/.test(text);

const CONTROLS = /[\x1b\x9b\r\b]/g;
/**
 * ECMA-48: a control sequence, or the beginning of one at the end of the text; a string sequence on one line; an escape
 * sequence; ESC alone. A string sequence that does not end so is no string: only its introducer is left out.
 */
const SEQUENCE =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|$)|\x1b[\]PX^_][^\x00-\x1f\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]|[\x1b\x9b]/y;
const UNFINISHED = /^(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b[\]PX^_][^\x00-\x1f]{0,4096}|\x1b[ -/]*)$/;
const REST = /^[0-?]{0,32}[ -/]{0,4}[@-~]/;

/** Where a control sequence begins that the end of the text cuts off; the text's length where there is none. */
export function unfinishedSequence(text: string): number {
  const start = Math.max(text.lastIndexOf('\x1b'), text.lastIndexOf('\x9b'));
  return start >= 0 && UNFINISHED.test(text.slice(start)) ? start : text.length;
}

/** The length of what may be the rest of a control sequence that the beginning of the text cuts off. */
export function restOfSequence(text: string): number {
  return REST.exec(text)?.[0].length ?? 0;
}

/**
 * The parts of a text that a terminal would show, as pairs of start and end, ascending: without control sequences; of a line
 * that is drawn again after a carriage return the last drawing, whole; of characters followed by backspaces and new ones the
 * new ones. Cursor movements have no effect. Linear in the text.
 */
export function visibleRanges(text: string, from: number, to: number): readonly number[] {
  const screen = new Screen(text);
  for (let at = from; at < to;) {
    CONTROLS.lastIndex = at;
    const next = Math.min(CONTROLS.exec(text)?.index ?? to, to);
    if (next > at) screen.write(at, next);
    if (next >= to) break;
    at = next + screen.control(next);
  }
  return screen.ranges;
}

class Screen {
  readonly ranges: number[] = [];
  readonly #text: string;
  /** Where the ranges of the present line begin. */
  #line = 0;
  #returned = false;
  #backspaces = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Handles the control character at the index. @returns the length of what it introduces. */
  control(at: number): number {
    const unit = this.#text[at];
    if (unit === '\r') this.#returned = true;
    else if (unit === '\b') this.#backspaces += 1;
    else {
      SEQUENCE.lastIndex = at;
      return SEQUENCE.exec(this.#text)?.[0].length ?? 1;
    }
    return 1;
  }

  write(start: number, end: number): void {
    if (this.#text[start] !== '\n') this.#overwrite();
    this.#returned = false;
    this.#backspaces = 0;
    const newline = this.#text.slice(start, end).lastIndexOf('\n');
    if (newline >= 0) {
      this.#add(start, start + newline + 1);
      this.#line = this.ranges.length;
    }
    if (start + newline + 1 < end) this.#add(start + newline + 1, end);
  }

  #add(start: number, end: number): void {
    const { ranges } = this;
    if (ranges.length > this.#line && ranges.at(-1) === start) ranges[ranges.length - 1] = end;
    else ranges.push(start, end);
  }

  /** What follows takes the place of what stands there. */
  #overwrite(): void {
    const { ranges } = this;
    if (this.#returned) ranges.length = this.#line;
    for (; this.#backspaces > 0 && ranges.length > this.#line; this.#backspaces -= 1) {
      const end = ranges[ranges.length - 1] ?? 0;
      const start = ranges[ranges.length - 2] ?? 0;
      const before = end - this.#widthBefore(start, end);
      if (before > start) ranges[ranges.length - 1] = before;
      else ranges.length -= 2;
    }
  }

  #widthBefore(start: number, end: number): number {
    const low = (this.#text.charCodeAt(end - 1) & 0xfc00) === 0xdc00;
    return low && end - start > 1 ? 2 : 1;
  }
}
