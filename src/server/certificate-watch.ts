import type { Log } from '../ports/log.js';
import { type Certificate, type CertificateFiles, readCertificate } from './certificate.js';

/** Renewals replace files, links or whole folders, which file system events tell of differently everywhere: so look. */
const LOOK_EVERY_MS = 2000;

/** Calls back with each new certificate; files that are no good, or half written, leave the present one in use. */
export class CertificateWatch {
  readonly #timer: NodeJS.Timeout;

  constructor(
    files: CertificateFiles,
    present: Certificate,
    log: Log,
    onChange: (certificate: Certificate) => void,
    everyMs = LOOK_EVERY_MS,
  ) {
    let known = present;
    let problem: string | undefined;
    const look = () => {
      try {
        const read = readCertificate(files);
        problem = undefined;
        if (read.cert === known.cert && read.key === known.key) return;
        known = read;
        onChange(read);
        log.info({ ...files }, 'the TLS certificate was renewed');
      } catch (err) {
        const { message } = err as Error;
        if (message !== problem)
          log.error({ err }, 'the TLS certificate can not be renewed; the present one stays in use');
        problem = message;
      }
    };
    this.#timer = setInterval(look, everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
