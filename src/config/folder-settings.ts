import type { Setting } from './settings.js';

export const TAKE_OVER: Setting = {
  flag: 'take-over',
  variable: 'QUORATE_TAKE_OVER',
  shape: 'BOOT',
  byDefault: '',
  meaning:
    'takes the folder over from a host that is gone for good, on a file system that hosts share: the boot that the refusal names',
};

export const FREE_BYTES_MIN: Setting = {
  flag: 'free-bytes-min',
  variable: 'QUORATE_FREE_BYTES_MIN',
  shape: 'BYTES',
  byDefault: '67108864',
  meaning:
    "free space of the data folder's disk below which a storage node takes no writes and serves reads alone; 1048576 at least, more bears others who fill the disk faster",
};
