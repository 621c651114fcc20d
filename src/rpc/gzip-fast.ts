import { gzip } from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';
import { compressionGzip } from '@connectrpc/connect-node';

const LEVEL = 1;

/** Level 1 costs a third of the default's time for nearly the same size; brotli at its default of 11 is not offered. */
export const gzipFast: typeof compressionGzip = {
  ...compressionGzip,
  compress: (bytes) =>
    new Promise((resolve, reject) => {
      gzip(bytes, { level: LEVEL }, (error, compressed) => (error === null ? resolve(compressed) : reject(error)));
    }),
  // Whatever can't be inflated is the client's fault; Connect takes a body that ends too early for one of its own.
  async decompress(bytes, readMaxBytes) {
    try {
      return await compressionGzip.decompress(bytes, readMaxBytes);
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      throw error.code === Code.Internal
        ? new ConnectError('decompression failed: this is no gzip', Code.InvalidArgument, undefined, undefined, thrown)
        : error;
    }
  },
};
