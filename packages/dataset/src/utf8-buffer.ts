/** UTF-8 text that grows at its end. */
export class Utf8Buffer {
  /** Storage: text up to `length`, then room. Replaced by a larger one when it grows. */
  bytes: Buffer;
  /** The storage as numbers of several bytes. */
  view: DataView;
  /** Bytes of text. */
  length = 0;

  /** @param bytes storage to begin with */
  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.view = viewOf(this.bytes);
  }

  /** Append well-formed text. */
  write(text: string): void {
    this.reserve(text.length * 3);
    this.length += this.bytes.write(text, this.length, 'utf8');
  }

  /** Append text that is UTF-8 already. */
  append(text: Uint8Array): void {
    this.reserve(text.length);
    this.bytes.set(text, this.length);
    this.length += text.length;
  }

  /** Append one character. @param code none of a surrogate */
  appendCodePoint(code: number): void {
    this.reserve(4);
    const { bytes } = this;
    if (code < 0x80) {
      bytes[this.length++] = code;
      return;
    }
    if (code < 0x800) bytes[this.length++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) bytes[this.length++] = 0xe0 | (code >> 12);
      else {
        bytes[this.length++] = 0xf0 | (code >> 18);
        bytes[this.length++] = 0x80 | ((code >> 12) & 0x3f);
      }
      bytes[this.length++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[this.length++] = 0x80 | (code & 0x3f);
  }

  /** Make room for so many bytes more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.length + bytes, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
    this.view = viewOf(grown);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
