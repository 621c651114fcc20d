import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolOf } from '../../src/server/protocol-sniffer.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const TELLING_BYTES = 'PRI * HTTP/2.0'.length;

const ofText = (text: string) => protocolOf(Buffer.from(text));

describe('the first bytes', () => {
  it('tell nothing while there are none', () => {
    expect(protocolOf(new Uint8Array(0))).toBeUndefined();
  });

  it('are HTTP/2 from the end of the preface’s version on, and open before', () => {
    for (let length = 1; length <= PREFACE.length; length++) {
      expect(ofText(PREFACE.slice(0, length))).toBe(length < TELLING_BYTES ? undefined : 'http2');
    }
  });

  it('are TLS when a handshake record begins, whatever follows', () => {
    expect(protocolOf(Uint8Array.of(0x16))).toBe('tls');
    expect(protocolOf(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00))).toBe('tls');
  });

  it.each([
    'GET / HTTP/1.1',
    'PUT /',
    'POST /',
    'PATCH /',
    'PROPFIND /',
    'PRIVATE',
    'PRI * HTTP/1.1',
    'pri *',
    '\r\n',
    '\0',
  ])('are HTTP/1.1 when they are %j', (text) => {
    expect(ofText(text)).toBe('http1');
  });

  it('are HTTP/1.1 as soon as they part from the preface', () => {
    expect(ofText('P')).toBeUndefined();
    expect(ofText('PO')).toBe('http1');
    expect(ofText('PRI * HTTP/2')).toBeUndefined();
    expect(ofText('PRI * HTTP/3')).toBe('http1');
  });

  it('never tell another protocol once they told one', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .tuple(fc.nat(PREFACE.length), fc.uint8Array({ maxLength: 4 }))
        .map(([length, rest]) => Uint8Array.from([...Buffer.from(PREFACE.slice(0, length)), ...rest])),
    );
    fc.assert(
      fc.property(bytes, (all) => {
        const told = Array.from({ length: all.length + 1 }, (_, length) => protocolOf(all.subarray(0, length)));
        const first = told.findIndex((protocol) => protocol !== undefined);
        if (first >= 0) expect(new Set(told.slice(first)).size).toBe(1);
      }),
    );
  });
});
