import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** PEM files; the key's may be the certificate's own. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate chain and its private key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export class CertificateError extends Error {
  constructor({ certFile, keyFile }: CertificateFiles, cause: Error) {
    const files = certFile === keyFile ? certFile : `${certFile} and ${keyFile}`;
    super(`--tls-cert-file and --tls-key-file: no certificate with its key in ${files}: ${cause.message}`, { cause });
    this.name = 'CertificateError';
  }
}

/** @throws CertificateError when a file can't be read, or the two don't belong together */
export function readCertificate(files: CertificateFiles): Certificate {
  try {
    const certificate = { cert: readFileSync(files.certFile, 'utf8'), key: readFileSync(files.keyFile, 'utf8') };
    createSecureContext(certificate);
    return certificate;
  } catch (error) {
    throw new CertificateError(files, error as Error);
  }
}
