export type LogFields = Readonly<Record<string, unknown>>;

/** One structured line a call. Fields hold no secrets and no values of keys; an error goes under `err`. */
export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
