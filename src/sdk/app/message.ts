// What goes through ports: bytes, or text as UTF-8.

/** Text goes as UTF-8. */
export type Message = Uint8Array | string;

/** UTF-8 of `text`; a lone surrogate becomes U+FFFD (Encoding Standard, "UTF-8 encode"). */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return Uint8Array.from(bytes);
}

/** Shortest code point that needs each number of bytes: anything below is an overlong form (RFC 3629, section 3). */
const LEAST = [0, 0, 0x80, 0x800, 0x10000];

/** Text of UTF-8 bytes; each byte that is none becomes U+FFFD. */
export function text(bytes: Uint8Array): string {
  let result = '';
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i];
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    let whole = length > 0 && first < 0xf8 && i + length <= bytes.length;
    for (let j = 1; whole && j < length; j++) {
      whole = (bytes[i + j] & 0xc0) === 0x80;
      code = (code << 6) | (bytes[i + j] & 63);
    }
    whole &&= code >= LEAST[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    result += whole ? String.fromCodePoint(code) : '\ufffd';
    i += whole ? length : 1;
  }
  return result;
}

export const bytesOf = (message: Message): Uint8Array => (typeof message === 'string' ? utf8(message) : message);
