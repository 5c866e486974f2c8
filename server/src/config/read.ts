import type { SettingName } from './settings.js';

/** The value of a setting; undefined where it is bad, which is then on the list of problems. */
export type Read = <Value>(name: SettingName, parse: (text: string) => Value) => Value | undefined;
