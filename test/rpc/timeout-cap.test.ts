import { expect, it } from 'vitest';
import { capTimeout } from '../../src/rpc/timeout-cap.js';

it.each([
  ['grpc-timeout', '99999999H', '30S'],
  ['grpc-timeout', '31S', '30S'],
  ['grpc-timeout', '1M', '30S'],
  ['grpc-timeout', '30S', '30S'],
  ['grpc-timeout', '29999m', '29999m'],
  ['grpc-timeout', '99999999u', '30S'],
  ['grpc-timeout', '99999999n', '99999999n'],
  ['grpc-timeout', 'soon', 'soon'],
  ['grpc-timeout', '999999999H', '999999999H'],
  ['connect-timeout-ms', '9999999999', '30000'],
  ['connect-timeout-ms', '30000', '30000'],
  ['connect-timeout-ms', '99999999999', '99999999999'],
  ['connect-timeout-ms', '-1', '-1'],
])('of 30 s makes of %s: %s the timeout %s', (name, given, expected) => {
  const headers = new Headers({ [name]: given });
  capTimeout(headers, 30_000);
  expect([...headers]).toEqual([[name, expected]]);
});
