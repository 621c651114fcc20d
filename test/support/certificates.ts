import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Certificate } from '../../src/server/certificate.js';

/** Self-signed, for localhost, 127.0.0.1 and ::1, until 2126; made by `openssl req -x509 -newkey ec`. */
export const CERTIFICATES = ['one', 'other'] as const;

export type CertificateName = (typeof CERTIFICATES)[number];

export function certificateFile(name: CertificateName, what: 'cert' | 'key'): string {
  return fileURLToPath(new URL(`certificates/${name}.${what}.pem`, import.meta.url));
}

export function testCertificate(name: CertificateName): Certificate {
  return {
    cert: readFileSync(certificateFile(name, 'cert'), 'utf8'),
    key: readFileSync(certificateFile(name, 'key'), 'utf8'),
  };
}
